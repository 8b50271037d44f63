# For training.sh and transfer.sh, which set rawdl and mnist: LeNet by parameter averaging in rounds, two replicas of one thread, batch 64, plain momentum.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_IP=127.0.0.1
master='local-cluster[2,1,1024]'
cat > "$work/lenet.json" << 'JSON'
{ "optimizer": { "name": "momentum", "learning_rate": 0.01, "momentum": 0.9 }, "evaluation": { "every_epochs": 0 }, "checkpoint": { "every_epochs": 0 },
  "layers": [ { "type": "conv2d", "out_channels": 20, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "conv2d", "out_channels": 50, "kernel": 5, "activation": "relu" }, { "type": "max_pool2d", "kernel": 2 },
              { "type": "linear", "out_channels": 500, "activation": "relu" }, { "type": "linear", "out_channels": 10 } ] }
JSON

number() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" "$work/run/summary.json" | head -1; }

quietly() { "$@" > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }; }

rounds() { # period, number of rounds
    rm -rf "$work/run"
    quietly "$rawdl" submit --master "$master" --conf spark.ui.enabled=false -- train --config "$work/lenet.json" --data "$mnist" --sync average --period "$1" --batch 64 --threads 1 \
        --steps $(($1 * $2)) --quiet --out "$work/run"
}
