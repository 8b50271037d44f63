# LeNet with Adam and one cycle of its rate: 99 % in minutes.
train
--data mnist
--model lenet
--epochs 3
--sync average
--period 50
