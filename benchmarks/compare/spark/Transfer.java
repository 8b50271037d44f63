import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

// The bytes of a round of two replicas, moved by the JVM alone: a broadcast, an exchange that brings equal slices together in blocks, a sum of each block, the sums to the driver.
//   Transfer BYTES ROUNDS     0 bytes: the same job without them. Prints the median of the last half, ms.
public final class Transfer {
    private static final int REPLICAS = 2, BLOCK = 1 << 16;

    private Transfer() {}

    public static void main(String[] args) {
        int bytes = Integer.parseInt(args[0]), rounds = Integer.parseInt(args[1]);
        byte[] start = new byte[bytes];
        new Random(1).nextBytes(start);
        double[] times = new double[rounds];
        try (JavaSparkContext spark = new JavaSparkContext(new SparkConf().setAppName("transfer"))) {
            JavaRDD<Integer> replicas = spark.parallelize(List.of(0, 1), REPLICAS);
            for (int round = 0; round < rounds; round++) {
                long began = System.nanoTime();
                Broadcast<byte[]> held = bytes > 0 ? spark.broadcast(start) : null;
                List<byte[]> sums = replicas.mapPartitionsToPair(none -> blocks(held == null ? new byte[0] : held.value())).partitionBy(new HashPartitioner(REPLICAS)).values()
                    .mapPartitions(Transfer::sums).collect();
                if (sums.stream().mapToInt(sum -> sum.length - 4).sum() != bytes) throw new IllegalStateException("bytes were lost");
                if (held != null) held.destroy();
                times[round] = (System.nanoTime() - began) / 1e6;
            }
        }
        double[] last = Arrays.copyOfRange(times, rounds / 2, rounds);
        Arrays.sort(last);
        System.out.printf("RESULT %.1f%n", last[last.length / 2]);
    }

    // Keyed by slice, each behind four bytes that say where it begins.
    private static Iterator<Tuple2<Integer, byte[]>> blocks(byte[] vector) {
        List<Tuple2<Integer, byte[]>> blocks = new ArrayList<>();
        for (int at = 0; at < vector.length; at += BLOCK) {
            byte[] block = new byte[4 + Math.min(BLOCK, vector.length - at)];
            for (int i = 0; i < 4; i++) block[i] = (byte) (at >> 8 * i);
            System.arraycopy(vector, at, block, 4, block.length - 4);
            blocks.add(new Tuple2<>((int) ((long) at * REPLICAS / vector.length), block));
        }
        return blocks.iterator();
    }

    private static Iterator<byte[]> sums(Iterator<byte[]> blocks) {
        Map<Integer, byte[]> sums = new TreeMap<>();
        while (blocks.hasNext()) {
            byte[] block = blocks.next();
            byte[] sum = sums.putIfAbsent(block[0] & 255 | (block[1] & 255) << 8 | (block[2] & 255) << 16 | block[3] << 24, block);
            if (sum != null) for (int i = 4; i < sum.length; i++) sum[i] += block[i];
        }
        return sums.values().iterator();
    }
}
