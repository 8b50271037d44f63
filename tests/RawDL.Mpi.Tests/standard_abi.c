/* The standard ABI of MPI 5 over MPICH, for tests: libmpi_abi.so.1 as a program that knows only the standard sees it, with real ranks below.
   Build: cc -shared -fPIC -o libmpi_abi.so.1 standard_abi.c -Wl,--no-as-needed -l:libmpich.so.12
   Numbers on the left are those of mpi-forum/mpi-abi-stubs mpi.h (ABI 1.0), numbers on the right those of MPICH's mpi.h. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef intptr_t H; /* a handle of the standard ABI */
typedef struct { int source, tag, error, internal[5]; } Status;
typedef struct { int count_low, count_high, source, tag, error; } MpichStatus;

static const H table[][2] = {
    {0x101, 0x44000000}, {0x102, 0x44000001}, {0x130, 0x1c000000}, {0x143, 0x54000001}, {0x180, 0x2c000000},
    {0x241, 0x4c00013b}, {0x249, 0x4c00023c}, {0x250, 0x4c000439}, {0x258, 0x4c00083a}, {0x210, 0x4c00040a}, {0x214, 0x4c00080b},
    {0x21, 0x58000003}, {0x22, 0x58000002}, {0x23, 0x58000001},
};
#define MADE ((H)1 << 40) /* marks handles that MPICH made, so that a cut to 32 bits shows */

static int in(H h) {
    if (h & MADE) return (int)(h ^ MADE);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) if (table[i][0] == h) return (int)table[i][1];
    fprintf(stderr, "standard_abi: expected a handle, got %#lx\n", (long)h);
    abort();
}
static H out(int h) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) if ((int)table[i][1] == h) return table[i][0];
    return (H)(uint32_t)h | MADE;
}
static const void *buffer(const void *p) { return p == (void *)1 ? (void *)-1 : p; } /* MPI_IN_PLACE */
static int source(int s) { return s == -1 ? -2 : s; }                                 /* MPI_ANY_SOURCE */
static int tag(int t) { return t == -2 ? -1 : t; }                                    /* MPI_ANY_TAG */

static void *symbol(const char *name) {
    static void *library;
    if (!library) library = dlopen("libmpich.so.12", RTLD_NOW | RTLD_GLOBAL);
    void *found = library ? dlsym(library, name) : NULL;
    if (!found) { fprintf(stderr, "standard_abi: libmpich.so.12 has no %s\n", name); abort(); }
    return found;
}
#define CALL(name, types, ...) (((int (*) types)symbol(#name))(__VA_ARGS__))

int MPI_Abi_get_version(int *major, int *minor) { *major = 1; *minor = 0; return 0; }
int MPI_Get_library_version(char *s, int *n) { return CALL(MPI_Get_library_version, (char *, int *), s, n); }
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
    int code = CALL(MPI_Init_thread, (int *, char ***, int, int *), argc, argv, required / 1024 - (required == 4096), provided);
    *provided = *provided == 3 ? 4096 : *provided * 1024;
    return code;
}
int MPI_Finalize(void) { return CALL(MPI_Finalize, (void)); }
int MPI_Abort(H c, int code) { return CALL(MPI_Abort, (int, int), in(c), code); }
int MPI_Error_string(int code, char *s, int *n) { return CALL(MPI_Error_string, (int, char *, int *), code, s, n); }
int MPI_Error_class(int code, int *k) { return CALL(MPI_Error_class, (int, int *), code, k); }
int MPI_Comm_rank(H c, int *r) { return CALL(MPI_Comm_rank, (int, int *), in(c), r); }
int MPI_Comm_size(H c, int *r) { return CALL(MPI_Comm_size, (int, int *), in(c), r); }
int MPI_Comm_dup(H c, H *m) { int h, e = CALL(MPI_Comm_dup, (int, int *), in(c), &h); *m = out(h); return e; }
int MPI_Comm_split(H c, int color, int key, H *m) { int h, e = CALL(MPI_Comm_split, (int, int, int, int *), in(c), color, key, &h); *m = out(h); return e; }
int MPI_Comm_split_type(H c, int type, int key, H info, H *m) {
    int h, e = CALL(MPI_Comm_split_type, (int, int, int, int, int *), in(c), type == 221 ? 1 : -1, key, in(info), &h);
    *m = out(h);
    return e;
}
int MPI_Comm_set_errhandler(H c, H h) { return CALL(MPI_Comm_set_errhandler, (int, int), in(c), in(h)); }
int MPI_Barrier(H c) { return CALL(MPI_Barrier, (int), in(c)); }
int MPI_Bcast(void *b, int n, H t, int root, H c) { return CALL(MPI_Bcast, (void *, int, int, int, int), b, n, in(t), root, in(c)); }
int MPI_Reduce(const void *s, void *r, int n, H t, H o, int root, H c) {
    return CALL(MPI_Reduce, (const void *, void *, int, int, int, int, int), buffer(s), r, n, in(t), in(o), root, in(c));
}
int MPI_Allreduce(const void *s, void *r, int n, H t, H o, H c) {
    return CALL(MPI_Allreduce, (const void *, void *, int, int, int, int), buffer(s), r, n, in(t), in(o), in(c));
}
int MPI_Iallreduce(const void *s, void *r, int n, H t, H o, H c, H *request) {
    int h, e = CALL(MPI_Iallreduce, (const void *, void *, int, int, int, int, int *), buffer(s), r, n, in(t), in(o), in(c), &h);
    *request = out(h);
    return e;
}
int MPI_Reduce_scatter_block(const void *s, void *r, int n, H t, H o, H c) {
    return CALL(MPI_Reduce_scatter_block, (const void *, void *, int, int, int, int), buffer(s), r, n, in(t), in(o), in(c));
}
int MPI_Allgather(const void *s, int n, H t, void *r, int rn, H rt, H c) {
    return CALL(MPI_Allgather, (const void *, int, int, void *, int, int, int), buffer(s), n, in(t), r, rn, in(rt), in(c));
}
int MPI_Alltoall(const void *s, int n, H t, void *r, int rn, H rt, H c) {
    return CALL(MPI_Alltoall, (const void *, int, int, void *, int, int, int), buffer(s), n, in(t), r, rn, in(rt), in(c));
}
int MPI_Test(H *request, int *done, Status *s) {
    int h = in(*request), e = CALL(MPI_Test, (int *, int *, void *), &h, done, (void *)1);
    (void)s;
    *request = out(h);
    return e;
}
int MPI_Wait(H *request, Status *s) {
    int h = in(*request), e = CALL(MPI_Wait, (int *, void *), &h, (void *)1);
    (void)s;
    *request = out(h);
    return e;
}
/* The status keeps MPICH's two count words in its internal part. */
static void status(Status *to, const MpichStatus *from) {
    *to = (Status){from->source, from->tag, from->error, {from->count_low, from->count_high}};
}
int MPI_Send(const void *b, int n, H t, int to, int g, H c) { return CALL(MPI_Send, (const void *, int, int, int, int, int), b, n, in(t), to, g, in(c)); }
int MPI_Isend(const void *b, int n, H t, int to, int g, H c, H *request) {
    int h, e = CALL(MPI_Isend, (const void *, int, int, int, int, int, int *), b, n, in(t), to, g, in(c), &h);
    *request = out(h);
    return e;
}
int MPI_Recv(void *b, int n, H t, int from, int g, H c, Status *s) {
    MpichStatus m = {0};
    int e = CALL(MPI_Recv, (void *, int, int, int, int, int, MpichStatus *), b, n, in(t), source(from), tag(g), in(c), &m);
    status(s, &m);
    return e;
}
int MPI_Iprobe(int from, int g, H c, int *found, Status *s) {
    MpichStatus m = {0};
    int e = CALL(MPI_Iprobe, (int, int, int, int *, MpichStatus *), source(from), tag(g), in(c), found, &m);
    status(s, &m);
    return e;
}
int MPI_Get_count(const Status *s, H t, int *n) {
    MpichStatus m = {s->internal[0], s->internal[1], s->source, s->tag, s->error};
    return CALL(MPI_Get_count, (const MpichStatus *, int, int *), &m, in(t), n);
}
