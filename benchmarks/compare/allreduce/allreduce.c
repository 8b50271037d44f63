/* Sums of float vectors over two ranks, in place: the loop of RawDL.Benchmarks/AllReduceTiming.cs in C. Prints bytes and
 * microseconds per call. As a shared library it gives its batch to that program, which times both in one process. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 40, WARM_UP = 5, ALIGNMENT = 64 };

static double times[BATCHES];

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double batch(float *values, int count, int calls) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int i = 0; i < calls; i++) MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    return (MPI_Wtime() - start) * 1e6 / calls;
}

int main(int argc, char **argv) {
    int provided, rank;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SINGLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    const long largest = 64L << 20;
    float *values = aligned_alloc(ALIGNMENT, largest);
    if (!values) MPI_Abort(MPI_COMM_WORLD, 1);
    memset(values, 0, largest);
    for (long bytes = 4; bytes <= largest; bytes *= 4) {
        int calls = (int)((32L << 20) / bytes);
        calls = calls < 1 ? 1 : calls > 2000 ? 2000 : calls;
        for (int i = 0; i < WARM_UP; i++) batch(values, (int)(bytes / 4), calls);
        for (int i = 0; i < BATCHES; i++) times[i] = batch(values, (int)(bytes / 4), calls);
        qsort(times, BATCHES, sizeof *times, ascending);
        if (rank == 0) printf("%ld %.3f\n", bytes, times[BATCHES / 2]);
    }
    free(values);
    MPI_Finalize();
    return 0;
}
