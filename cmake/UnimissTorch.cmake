# unimiss_torch: LibTorch from an unpacked torch wheel (or any LibTorch).
# The wheel's own package file is not used: it aborts without a CUDA toolkit.
# This file is also installed, and read by find_package(unimiss).
#
#   TORCH_ROOT    the directory that holds include/ and lib/
#   UNIMISS_CUDA  also link the CUDA libraries, NCCL and cuDNN
set(TORCH_ROOT "$ENV{TORCH_ROOT}" CACHE PATH
  "LibTorch: the directory with include/ and lib/")
if(NOT TORCH_ROOT)
  set(TORCH_ROOT ${PROJECT_SOURCE_DIR}/.deps/torch)
endif()
get_filename_component(_torch_root "${TORCH_ROOT}" REALPATH)
if(NOT EXISTS ${_torch_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch in ${TORCH_ROOT} (lib/libtorch_cpu.so is "
    "missing). Run scripts/install_torch.sh, or name yours: "
    "-DTORCH_ROOT=<directory with include/ and lib/>")
endif()

set(_torch_version_header ${_torch_root}/include/torch/headeronly/version.h)
if(NOT EXISTS ${_torch_version_header})
  set(_torch_version_header
    ${_torch_root}/include/torch/csrc/api/include/torch/version.h)
endif()
file(STRINGS ${_torch_version_header} _torch_version_lines
  REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE "[^0-9;]" "" _torch_version_lines "${_torch_version_lines}")
list(JOIN _torch_version_lines "." UNIMISS_TORCH_VERSION)
if(UNIMISS_TORCH_VERSION VERSION_LESS 2.10)
  message(FATAL_ERROR "LibTorch ${UNIMISS_TORCH_VERSION} in ${TORCH_ROOT} is "
    "too old: 2.10, 2.11 and 2.13 are supported. Run scripts/install_torch.sh")
endif()
message(STATUS "LibTorch ${UNIMISS_TORCH_VERSION} from ${_torch_root}")

foreach(_library c10 torch_cpu)
  add_library(unimiss_import_${_library} SHARED IMPORTED GLOBAL)
  set_target_properties(unimiss_import_${_library} PROPERTIES
    IMPORTED_LOCATION ${_torch_root}/lib/lib${_library}.so)
endforeach()

# Imported, so that installed libraries refer to it by name only.
add_library(unimiss_torch INTERFACE IMPORTED GLOBAL)
add_library(unimiss::torch ALIAS unimiss_torch)
# The wheel ships the headers of fmt 12 and would shadow the system's fmt 9,
# which spdlog needs: a folder with one link comes first.
find_path(UNIMISS_FMT_INCLUDE fmt/core.h PATHS /usr/include NO_DEFAULT_PATH
  REQUIRED)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt_first)
file(CREATE_LINK ${UNIMISS_FMT_INCLUDE}/fmt
  ${PROJECT_BINARY_DIR}/fmt_first/fmt SYMBOLIC)
target_include_directories(unimiss_torch SYSTEM INTERFACE
  ${PROJECT_BINARY_DIR}/fmt_first
  ${_torch_root}/include
  ${_torch_root}/include/torch/csrc/api/include)
target_compile_features(unimiss_torch INTERFACE cxx_std_20)
find_package(Threads REQUIRED)
# LibTorch brings its own libgomp; the flag only lets pragmas through.
target_link_libraries(unimiss_torch INTERFACE
  unimiss_import_torch_cpu unimiss_import_c10 Threads::Threads)

if(UNIMISS_CUDA)
  foreach(_library c10_cuda torch_cuda)
    if(NOT EXISTS ${_torch_root}/lib/lib${_library}.so)
      message(FATAL_ERROR "UNIMISS_CUDA is on, but ${_torch_root}/lib has no "
        "lib${_library}.so. Run scripts/install_torch.sh --cuda")
    endif()
  endforeach()
  set(_nvidia ${_torch_root}/../nvidia)
  if(EXISTS ${_nvidia}/nccl/lib/libnccl.so.2)
    # Headers and libraries that came with the wheel, just what it was built
    # with: another NCCL's headers would corrupt memory.
    file(GLOB _nvidia_headers ${_nvidia}/*/include)
    target_include_directories(unimiss_torch SYSTEM INTERFACE
      ${_nvidia_headers})
    file(GLOB _cuda_libraries ${_nvidia}/*/lib/libcudart.so.1*
      ${_nvidia}/cudnn/lib/libcudnn.so.9 ${_nvidia}/nccl/lib/libnccl.so.2)
  else()
    find_package(CUDAToolkit REQUIRED)
    find_library(UNIMISS_NCCL NAMES nccl libnccl.so.2 REQUIRED
      HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_TARGET_DIR}/lib)
    find_library(UNIMISS_CUDNN NAMES cudnn libcudnn.so.9 REQUIRED
      HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_TARGET_DIR}/lib)
    set(_cuda_libraries CUDA::cudart ${UNIMISS_NCCL} ${UNIMISS_CUDNN})
  endif()
  target_compile_definitions(unimiss_torch INTERFACE UNIMISS_CUDA)
  # Nothing names a symbol of libtorch_cuda directly: keep the entry anyway.
  target_link_libraries(unimiss_torch INTERFACE
    -Wl,--push-state,--no-as-needed ${_torch_root}/lib/libtorch_cuda.so
    -Wl,--pop-state ${_torch_root}/lib/libc10_cuda.so ${_cuda_libraries})
endif()

# Where the linker resolves what the wheel's libraries need themselves.
file(GLOB _nvidia_libraries LIST_DIRECTORIES true
  ${_torch_root}/../nvidia/*/lib)
foreach(_directory ${_nvidia_libraries})
  target_link_options(unimiss_torch INTERFACE
    -Wl,-rpath-link,${_directory})
endforeach()
