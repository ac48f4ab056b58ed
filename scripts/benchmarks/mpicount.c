/* Counts what a program sends by MPI: preloaded, it stands before the library (PMPI).

   Collectives count the bytes that this rank gives; what a library makes of them in messages is its own affair.
   mpi4py calls the forms with large counts (_c) where the library has them. */
#include <mpi.h>
#include <stddef.h>

enum { SEND, SENDRECV, ALLREDUCE, REDUCE, BCAST, BARRIER, ALLGATHER, ALLTOALL, GATHER, SCAN, KINDS };
static const char *const names[KINDS] = {"Send",    "Sendrecv",  "Allreduce", "Reduce", "Bcast",
                                         "Barrier", "Allgather", "Alltoall",  "Gather", "Scan"};
static double calls[KINDS], bytes[KINDS];

static void note(int kind, double count, MPI_Datatype type) {
  int size = 0;
  if (kind != BARRIER && type != MPI_DATATYPE_NULL) PMPI_Type_size(type, &size);
  calls[kind] += 1.0;
  bytes[kind] += count * size;
}

static double ranks(MPI_Comm c) {
  int n;
  PMPI_Comm_size(c, &n);
  return n;
}

#define TO MPI_Datatype t, int to, int tag, MPI_Comm c
#define FORMS(S, N, D)                                                                                     \
  int MPI_Send##S(const void *b, N n, TO) {                                                                \
    note(SEND, n, t);                                                                                      \
    return PMPI_Send##S(b, n, t, to, tag, c);                                                              \
  }                                                                                                        \
  int MPI_Isend##S(const void *b, N n, TO, MPI_Request *r) {                                               \
    note(SEND, n, t);                                                                                      \
    return PMPI_Isend##S(b, n, t, to, tag, c, r);                                                          \
  }                                                                                                        \
  int MPI_Sendrecv##S(const void *b, N n, MPI_Datatype t, int to, int tag, void *rb, N rn, MPI_Datatype rt, \
                      int from, int rtag, MPI_Comm c, MPI_Status *s) {                                     \
    note(SENDRECV, n, t);                                                                                  \
    return PMPI_Sendrecv##S(b, n, t, to, tag, rb, rn, rt, from, rtag, c, s);                               \
  }                                                                                                        \
  int MPI_Allreduce##S(const void *a, void *b, N n, MPI_Datatype t, MPI_Op o, MPI_Comm c) {                \
    note(ALLREDUCE, n, t);                                                                                 \
    return PMPI_Allreduce##S(a, b, n, t, o, c);                                                            \
  }                                                                                                        \
  int MPI_Reduce##S(const void *a, void *b, N n, MPI_Datatype t, MPI_Op o, int root, MPI_Comm c) {         \
    note(REDUCE, n, t);                                                                                    \
    return PMPI_Reduce##S(a, b, n, t, o, root, c);                                                         \
  }                                                                                                        \
  int MPI_Bcast##S(void *b, N n, MPI_Datatype t, int root, MPI_Comm c) {                                   \
    note(BCAST, n, t);                                                                                     \
    return PMPI_Bcast##S(b, n, t, root, c);                                                                \
  }                                                                                                        \
  int MPI_Allgather##S(const void *a, N n, MPI_Datatype t, void *b, N rn, MPI_Datatype rt, MPI_Comm c) {   \
    note(ALLGATHER, n, t);                                                                                 \
    return PMPI_Allgather##S(a, n, t, b, rn, rt, c);                                                       \
  }                                                                                                        \
  int MPI_Allgatherv##S(const void *a, N n, MPI_Datatype t, void *b, const N *rn, const D *d,              \
                        MPI_Datatype rt, MPI_Comm c) {                                                     \
    note(ALLGATHER, n, t);                                                                                 \
    return PMPI_Allgatherv##S(a, n, t, b, rn, d, rt, c);                                                   \
  }                                                                                                        \
  int MPI_Alltoall##S(const void *a, N n, MPI_Datatype t, void *b, N rn, MPI_Datatype rt, MPI_Comm c) {    \
    note(ALLTOALL, n * ranks(c), t);                                                                       \
    return PMPI_Alltoall##S(a, n, t, b, rn, rt, c);                                                        \
  }                                                                                                        \
  int MPI_Gather##S(const void *a, N n, MPI_Datatype t, void *b, N rn, MPI_Datatype rt, int root,          \
                    MPI_Comm c) {                                                                          \
    note(GATHER, n, t);                                                                                    \
    return PMPI_Gather##S(a, n, t, b, rn, rt, root, c);                                                    \
  }                                                                                                        \
  int MPI_Gatherv##S(const void *a, N n, MPI_Datatype t, void *b, const N *rn, const D *d,                 \
                     MPI_Datatype rt, int root, MPI_Comm c) {                                              \
    note(GATHER, n, t);                                                                                    \
    return PMPI_Gatherv##S(a, n, t, b, rn, d, rt, root, c);                                                \
  }                                                                                                        \
  int MPI_Scan##S(const void *a, void *b, N n, MPI_Datatype t, MPI_Op o, MPI_Comm c) {                     \
    note(SCAN, n, t);                                                                                      \
    return PMPI_Scan##S(a, b, n, t, o, c);                                                                 \
  }

FORMS(, int, int)
#if MPI_VERSION >= 4
FORMS(_c, MPI_Count, MPI_Aint)
#endif

int MPI_Barrier(MPI_Comm c) {
  note(BARRIER, 0.0, MPI_DATATYPE_NULL);
  return PMPI_Barrier(c);
}

/* For the program itself, through ctypes: what has been counted so far. */
int mpicount(double *c, double *b) {
  for (int k = 0; k < KINDS; k++) {
    c[k] = calls[k];
    b[k] = bytes[k];
  }
  return KINDS;
}
const char *mpicount_name(int kind) { return kind < KINDS ? names[kind] : NULL; }
