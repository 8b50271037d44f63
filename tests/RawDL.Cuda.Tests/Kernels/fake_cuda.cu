// A stand-in for NVIDIA's driver over the emulated device: the functions that RawDL calls, with the signatures and numbers of cuda.h, and what the
// driver checks: a current context, live handles, no allocation or wait inside a capture. fake_fail makes the next call of a function fail.
#include "common.cuh"
#include <map>
#include <set>
#include <string>
#include <vector>
#include <time.h>

extern "C" {
int emulator_find(const char*);
int emulator_threads(int);
int emulator_argument_bytes(int, int*, int);
const char* emulator_launch(int, const unsigned*, unsigned, unsigned, void**);
void* emulator_allocate(unsigned long long);
const char* emulator_free(void*);
int emulator_encode_tiled(void*, int, unsigned, void*, const unsigned long long*, const unsigned long long*, const unsigned*, const unsigned*, int, int, int, int);
}

namespace {
typedef int CUresult, CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct Context* CUcontext;
typedef struct Stream* CUstream;
typedef struct Event* CUevent;
typedef struct Module* CUmodule;
typedef struct Function* CUfunction;
typedef struct Graph* CUgraph;
typedef Graph* CUgraphExec;
typedef std::function<CUresult()> Work;
struct Context {} context;
struct Module {};
struct Function { int k; int dynamic = 49152; };
struct Graph { std::vector<Work> work; };
struct Stream { Graph* capture = nullptr; };
struct Event { double time = -1; };

thread_local CUcontext current;
int references, sticky;
size_t free_bytes = size_t(1) << 30;
std::map<CUdeviceptr, size_t> blocks;
std::set<void*> live;
std::map<std::string, int> failures;

CUresult enter(const char* call, bool needs_context)
{
    if (sticky)
        return sticky;
    auto failure = failures.find(call);
    if (failure != failures.end()) {
        int code = failure->second;
        failures.erase(failure);
        if (code == 700 || code == 719)
            sticky = code;
        return code;
    }
    return needs_context && current != &context ? 201 : 0;
}
#define ENTER() if (CUresult code = enter(__func__, true)) return code
#define ENTER_ANY() if (CUresult code = enter(__func__, false)) return code
#define LIVE(handle) if (!live.count(handle)) return 400

bool inside(CUdeviceptr address, size_t bytes)
{
    auto block = blocks.upper_bound(address);
    return block != blocks.begin() && address - (--block)->first + bytes <= block->second;
}
CUresult run(CUstream stream, Work work)
{
    if (!stream->capture)
        return work();
    stream->capture->work.push_back(work);
    return 0;
}
Stream* main_stream;
bool capturing() { return main_stream && main_stream->capture; }
double now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * double(time.tv_sec) + 1e-6 * double(time.tv_nsec);
}
}  // namespace

extern "C" {
void fake_fail(const char* call, int code) { failures[call] = code; }
void fake_reset() { sticky = 0; failures.clear(); }
void fake_forget()
{
    sticky = 0;
    main_stream = nullptr;
    for (auto& block : blocks)
        emulator_free(reinterpret_cast<void*>(block.first));
    blocks.clear();
    live.clear();
}
int fake_live() { return int(live.size() + blocks.size()) + references; }
void fake_free_bytes(size_t bytes) { free_bytes = bytes; }

CUresult cuInit(unsigned flags) { ENTER_ANY(); return flags ? 1 : 0; }
CUresult cuDriverGetVersion(int* version) { *version = 12040; return 0; }
CUresult cuGetErrorName(CUresult code, const char** name)
{
    static const std::map<int, const char*> names = {{1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {100, "CUDA_ERROR_NO_DEVICE"}, {201, "CUDA_ERROR_INVALID_CONTEXT"},
        {400, "CUDA_ERROR_INVALID_HANDLE"}, {500, "CUDA_ERROR_NOT_FOUND"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {719, "CUDA_ERROR_LAUNCH_FAILED"}, {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}};
    auto found = names.find(code);
    *name = found == names.end() ? nullptr : found->second;
    return *name ? 0 : 1;
}
CUresult cuDeviceGetCount(int* count) { ENTER_ANY(); *count = 1; return 0; }
CUresult cuDeviceGet(CUdevice* device, int index) { ENTER_ANY(); *device = 5; return index ? 101 : 0; }
CUresult cuDeviceGetName(char* name, int bytes, CUdevice device) { ENTER_ANY(); snprintf(name, size_t(bytes), "Fake"); return device == 5 ? 0 : 101; }
CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device)
{
    ENTER_ANY();
    static const std::map<int, int> values = {{75, 9}, {76, 0}, {16, 4}, {97, 232448}, {13, 1980000}, {36, 3201000}, {37, 6144}};
    auto found = values.find(attribute);
    if (device != 5 || found == values.end()) return 1;
    *value = found->second;
    return 0;
}
CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) { ENTER_ANY(); *bytes = size_t(80) << 30; return device == 5 ? 0 : 101; }
CUresult cuDevicePrimaryCtxRetain(CUcontext* made, CUdevice) { ENTER_ANY(); *made = &context; references++; return 0; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { references--; return 0; }
CUresult cuCtxSetCurrent(CUcontext made) { ENTER_ANY(); current = made; return 0; }
CUresult cuMemGetInfo_v2(size_t* free, size_t* total) { ENTER(); *free = free_bytes; *total = size_t(80) << 30; return 0; }
CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes)
{
    ENTER();
    if (capturing()) return 900;
    if (bytes == 0) return 1;
    if (bytes > free_bytes) return 2;
    free_bytes -= bytes;
    *address = CUdeviceptr(emulator_allocate(bytes));
    blocks[*address] = bytes;
    return 0;
}
CUresult cuMemFree_v2(CUdeviceptr address)
{
    ENTER();
    if (!blocks.count(address)) return 1;
    free_bytes += blocks[address];
    blocks.erase(address);
    return emulator_free(reinterpret_cast<void*>(address)) ? 999 : 0;
}
CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned flags) { ENTER(); live.insert(*address = malloc(bytes)); return flags == 1 ? 0 : 1; }
CUresult cuMemFreeHost(void* address) { ENTER(); LIVE(address); live.erase(address); free(address); return 0; }
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void* source, size_t bytes, CUstream stream)
{
    ENTER();
    if (!inside(target, bytes)) return 1;
    return run(stream, [=] { memcpy(reinterpret_cast<void*>(target), source, bytes); return 0; });
}
CUresult cuMemcpyDtoHAsync_v2(void* target, CUdeviceptr source, size_t bytes, CUstream stream)
{
    ENTER();
    if (!inside(source, bytes)) return 1;
    return run(stream, [=] { memcpy(target, reinterpret_cast<void*>(source), bytes); return 0; });
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream)
{
    ENTER();
    if (!inside(source, bytes) || !inside(target, bytes)) return 1;
    return run(stream, [=] { memmove(reinterpret_cast<void*>(target), reinterpret_cast<void*>(source), bytes); return 0; });
}
CUresult cuMemsetD32Async(CUdeviceptr target, unsigned value, size_t count, CUstream stream)
{
    ENTER();
    if (!inside(target, 4 * count)) return 1;
    return run(stream, [=] { for (size_t i = 0; i < count; i++) reinterpret_cast<unsigned*>(target)[i] = value; return 0; });
}
CUresult cuStreamCreate(CUstream* stream, unsigned flags)
{
    ENTER();
    live.insert(*stream = new Stream);
    if (!main_stream) main_stream = *stream;
    return flags == 1 ? 0 : 1;
}
CUresult cuStreamDestroy_v2(CUstream stream) { ENTER(); LIVE(stream); live.erase(stream); if (stream == main_stream) main_stream = nullptr; delete stream; return 0; }
CUresult cuStreamSynchronize(CUstream stream) { ENTER(); LIVE(stream); return stream->capture ? 900 : 0; }
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) { ENTER(); LIVE(stream); LIVE(event); return flags; }
CUresult cuStreamBeginCapture_v2(CUstream stream, int mode) { ENTER(); LIVE(stream); stream->capture = new Graph; return mode == 1 ? 0 : 1; }
CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) { ENTER(); LIVE(stream); live.insert(*graph = stream->capture); stream->capture = nullptr; return 0; }
CUresult cuGraphInstantiateWithFlags(CUgraphExec* made, CUgraph graph, unsigned long long flags) { ENTER(); LIVE(graph); live.insert(*made = new Graph(*graph)); return flags ? 1 : 0; }
CUresult cuGraphDestroy(CUgraph graph) { ENTER(); LIVE(graph); live.erase(graph); delete graph; return 0; }
CUresult cuGraphExecDestroy(CUgraphExec graph) { ENTER(); LIVE(graph); live.erase(graph); delete graph; return 0; }
CUresult cuGraphUpload(CUgraphExec graph, CUstream stream) { ENTER(); LIVE(graph); LIVE(stream); return 0; }
CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream)
{
    ENTER();
    LIVE(graph);
    LIVE(stream);
    for (Work& work : graph->work)
        if (CUresult code = work())
            return code;
    return 0;
}
CUresult cuEventCreate(CUevent* event, unsigned flags) { ENTER(); live.insert(*event = new Event); return flags & ~2u; }
CUresult cuEventRecord(CUevent event, CUstream stream) { ENTER(); LIVE(event); LIVE(stream); event->time = now(); return 0; }
CUresult cuEventQuery(CUevent event) { ENTER(); LIVE(event); return 0; }
CUresult cuEventSynchronize(CUevent event) { ENTER(); LIVE(event); return 0; }
CUresult cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to)
{
    ENTER();
    LIVE(from);
    LIVE(to);
    *milliseconds = float(to->time - from->time);
    return from->time < 0 || to->time < 0 ? 400 : 0;
}
CUresult cuEventDestroy_v2(CUevent event) { ENTER(); LIVE(event); live.erase(event); delete event; return 0; }
CUresult cuModuleLoadData(CUmodule* module, const void* image)
{
    ENTER();
    if (memcmp(image, "\x7f""ELF", 4)) return 200;
    live.insert(*module = new Module);
    return 0;
}
// Functions live as long as their module.
CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name)
{
    ENTER();
    LIVE(module);
    static std::map<std::string, Function> functions;
    int k = emulator_find(name);
    if (k < 0) return 500;
    *function = &functions[name];
    (*function)->k = k;
    return 0;
}
CUresult cuModuleUnload(CUmodule module) { ENTER(); LIVE(module); live.erase(module); delete module; return 0; }
CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction function)
{
    ENTER();
    *value = attribute == 0 ? emulator_threads(function->k) : 128;
    return attribute > 1;
}
CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value)
{
    ENTER();
    if (attribute != 8 || value > 232448 - 128) return 1;
    function->dynamic = value;
    return 0;
}
CUresult cuLaunchKernel(CUfunction function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y, unsigned threads_z, unsigned shared, CUstream stream, void** arguments, void** extra)
{
    ENTER();
    LIVE(stream);
    if (!x || !y || !z || y > 65535 || z > 65535 || threads_y != 1 || threads_z != 1 || int(shared) > function->dynamic || extra) return 1;
    int sizes[64], count = emulator_argument_bytes(function->k, sizes, 64);
    std::vector<std::vector<char>> copies;
    for (int i = 0; i < count; i++)
        copies.emplace_back(static_cast<char*>(arguments[i]), static_cast<char*>(arguments[i]) + sizes[i]);
    int k = function->k;
    return run(stream, [=]() mutable {
        std::vector<void*> addresses;
        for (auto& copy : copies)
            addresses.push_back(copy.data());
        unsigned grid[] = {x, y, z};
        if (!emulator_launch(k, grid, threads, shared, addresses.data()))
            return 0;
        return sticky = 719;
    });
}
CUresult cuTensorMapEncodeTiled(void* map, int type, unsigned rank, void* address, const unsigned long long* extents, const unsigned long long* strides, const unsigned* box,
                                const unsigned* steps, int interleave, int swizzle, int promotion, int fill)
{
    ENTER();
    return emulator_encode_tiled(map, type, rank, address, extents, strides, box, steps, interleave, swizzle, promotion, fill);
}
}
