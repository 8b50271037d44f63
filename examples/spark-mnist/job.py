# A rawdl job description: the words of a command line, read and never run. Words behind job.py on the line of spark-submit win.
train
--config talk.json
