// A stand-in for cuBLAS: the functions that RawDL calls, with the signatures and numbers of cublas_api.h, on host memory. Column-major, as BLAS is.
#include <stddef.h>
#include <string.h>

static long long workspace, stream;
static float real(const void* values, int type, size_t i)
{
    if (type == 0) return ((const float*)values)[i];
    unsigned bits = (unsigned)((const unsigned short*)values)[i] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static int gemm(int ta, int tb, int m, int n, int k, float alpha, const void* a, int type, int lda, const void* b, int ldb, float beta, float* c, int ldc)
{
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m || !workspace || !stream) return 7;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            float sum = 0;
            for (int l = 0; l < k; l++)
                sum += real(a, type, ta ? (size_t)i * lda + l : (size_t)l * lda + i) * real(b, type, tb ? (size_t)l * ldb + j : (size_t)j * ldb + l);
            float* target = c + (size_t)j * ldc + i;
            *target = alpha * sum + (beta != 0 ? beta * *target : 0);
        }
    return 0;
}
int cublasCreate_v2(void** handle) { *handle = &workspace; return 0; }
int cublasDestroy_v2(void* handle) { workspace = stream = 0; return handle == &workspace ? 0 : 1; }
int cublasGetVersion_v2(void* handle, int* version) { *version = 120405; return handle == &workspace ? 0 : 1; }
int cublasSetStream_v2(void* handle, void* value) { stream = (long long)value; return handle == &workspace ? 0 : 1; }
int cublasSetWorkspace_v2(void* handle, void* memory, size_t bytes) { workspace = (long long)memory; return handle == &workspace && bytes == 32 << 20 ? 0 : 1; }
int cublasSgemm_v2(void* handle, int ta, int tb, int m, int n, int k, const float* alpha, const float* a, int lda, const float* b, int ldb, const float* beta, float* c, int ldc)
{
    return handle == &workspace ? gemm(ta, tb, m, n, k, *alpha, a, 0, lda, b, ldb, *beta, c, ldc) : 1;
}
int cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type,
                 int ldc, int compute, int algorithm)
{
    if (handle != &workspace || a_type != b_type || c_type != 0 || algorithm != -1 || (compute != 68 && compute != 75 && compute != 77)) return 15;
    return gemm(ta, tb, m, n, k, *(const float*)alpha, a, a_type, lda, b, ldb, *(const float*)beta, c, ldc);
}
