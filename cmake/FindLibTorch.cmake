# FindLibTorch: LibTorch from the PyPI wheel (or an unpacked libtorch zip), without nvcc.
#
# The config file that ships with LibTorch wants a CUDA compiler and libraries that CUDA 13 no
# longer has, although linking needs neither; so the targets are described here.
#
# Looked for in this order:
#   1. -DLIBTORCH_ROOT=DIR   the `torch` package folder of a Python environment, or a libtorch zip's
#   2. environment LIBTORCH_ROOT
#   3. the cache that launch/setup.sh fills:
#      ${ALLMODES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/allmodes}/torch-VERSION-{cpu,cuda}
#
# Input:   ALLMODES_CUDA  AUTO | ON | OFF
# Output:  LibTorch_FOUND, LibTorch_VERSION, LibTorch_ROOT, LibTorch_WITH_CUDA
# Targets: LibTorch::LibTorch   headers (SYSTEM) and libraries
#          CUDA::cudart, NCCL::NCCL   no Torch headers; only with LibTorch_WITH_CUDA

set(LibTorch_WANTED_VERSION 2.11.0)

function(_libtorch_cached_roots out)
  if(DEFINED ENV{ALLMODES_CACHE})
    set(cache "$ENV{ALLMODES_CACHE}")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(cache "$ENV{XDG_CACHE_HOME}/allmodes")
  else()
    set(cache "$ENV{HOME}/.cache/allmodes")
  endif()
  if(ALLMODES_CUDA STREQUAL "ON")
    set(flavours cuda)
  elseif(ALLMODES_CUDA STREQUAL "AUTO" AND EXISTS /proc/driver/nvidia/version)
    set(flavours cuda cpu)
  else()
    set(flavours cpu cuda)
  endif()
  set(roots "")
  foreach(flavour IN LISTS flavours)
    file(GLOB found
         "${cache}/torch-${LibTorch_WANTED_VERSION}-${flavour}/lib/python3*/site-packages/torch")
    list(APPEND roots ${found})
  endforeach()
  set(${out} "${roots}" PARENT_SCOPE)
endfunction()

set(LIBTORCH_ROOT "" CACHE PATH "The torch package folder, or an unpacked libtorch zip")
if(LIBTORCH_ROOT)
  set(_libtorch_roots "${LIBTORCH_ROOT}")
elseif(DEFINED ENV{LIBTORCH_ROOT} AND NOT "$ENV{LIBTORCH_ROOT}" STREQUAL "")
  set(_libtorch_roots "$ENV{LIBTORCH_ROOT}")
else()
  _libtorch_cached_roots(_libtorch_roots)
endif()

set(LibTorch_ROOT LibTorch_ROOT-NOTFOUND)
foreach(_root IN LISTS _libtorch_roots)
  if(EXISTS "${_root}/include/ATen/core/Tensor.h" AND EXISTS "${_root}/lib/libtorch_cpu.so")
    file(REAL_PATH "${_root}" LibTorch_ROOT)
    break()
  endif()
endforeach()

if(LibTorch_ROOT)
  # The version header moved under headeronly/ in 2.8.
  set(LibTorch_VERSION "")
  foreach(_header headeronly/version.h csrc/api/include/torch/version.h)
    if(NOT LibTorch_VERSION AND EXISTS "${LibTorch_ROOT}/include/torch/${_header}")
      file(STRINGS "${LibTorch_ROOT}/include/torch/${_header}" _lines
           REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      list(TRANSFORM _lines REPLACE "^.* " "")
      list(JOIN _lines "." LibTorch_VERSION)
    endif()
  endforeach()

  # The full flavour brings CUDA and NCCL as sibling packages.
  get_filename_component(_site "${LibTorch_ROOT}" DIRECTORY)
  set(_cudart "${_site}/nvidia/cu13/lib/libcudart.so.13")
  set(_nccl "${_site}/nvidia/nccl/lib/libnccl.so.2")
  set(_full FALSE)
  if(EXISTS "${LibTorch_ROOT}/lib/libtorch_cuda.so" AND EXISTS "${_cudart}" AND EXISTS "${_nccl}")
    set(_full TRUE)
  endif()
  set(LibTorch_WITH_CUDA FALSE)
  if(_full AND NOT ALLMODES_CUDA STREQUAL "OFF")
    set(LibTorch_WITH_CUDA TRUE)
  elseif(ALLMODES_CUDA STREQUAL "ON")
    message(FATAL_ERROR
            "ALLMODES_CUDA=ON, but ${LibTorch_ROOT} is not the full flavour: beside it ${_nccl} and "
            "${_cudart} were expected. Run `launch/setup.sh --gpu`, or `pip install "
            "torch==${LibTorch_WANTED_VERSION}` in a virtual environment and pass its torch folder as "
            "-DLIBTORCH_ROOT=...; or configure with -DALLMODES_CUDA=OFF.")
  endif()
endif()

list(JOIN _libtorch_roots ", " _libtorch_roots)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch REQUIRED_VARS LibTorch_ROOT VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE
  "no LibTorch in: ${_libtorch_roots}. Run `launch/setup.sh` to fetch it, or pass -DLIBTORCH_ROOT=DIR")

function(_libtorch_shared_library target location)
  add_library(${target} SHARED IMPORTED)
  get_filename_component(soname "${location}" NAME)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${location}"
                                             IMPORTED_SONAME "${soname}")
endfunction()

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # LibTorch's include folder ships a newer {fmt} than the system library that spdlog and this
  # project link; the system's headers go first.
  find_path(_libtorch_fmt fmt/format.h NO_CACHE REQUIRED)
  set(_libtorch_first "${PROJECT_BINARY_DIR}/generated/system-headers")
  file(MAKE_DIRECTORY "${_libtorch_first}")
  file(CREATE_LINK "${_libtorch_fmt}/fmt" "${_libtorch_first}/fmt" SYMBOLIC)
  target_include_directories(LibTorch::LibTorch INTERFACE
                             "${_libtorch_first}"
                             "${LibTorch_ROOT}/include"
                             "${LibTorch_ROOT}/include/torch/csrc/api/include")
  target_compile_definitions(LibTorch::LibTorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
  # Backends register themselves when their library is loaded, so a library whose symbols nobody
  # names must stay. What the libraries themselves need is found at start through their own RPATH.
  target_link_options(LibTorch::LibTorch INTERFACE
                      "LINKER:--no-as-needed" "LINKER:--allow-shlib-undefined")
  # LibTorch's libraries export parts of std::filesystem that they were linked with, libtorch.so among
  # them ones that call null; the system's library goes first, so that its symbols are found first.
  target_link_libraries(LibTorch::LibTorch INTERFACE stdc++)
  set(_libraries torch_cpu c10)
  if(LibTorch_WITH_CUDA)
    list(PREPEND _libraries torch torch_cuda c10_cuda)
  endif()
  foreach(_library IN LISTS _libraries)
    _libtorch_shared_library(LibTorch::${_library} "${LibTorch_ROOT}/lib/lib${_library}.so")
    target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::${_library})
  endforeach()

  if(LibTorch_WITH_CUDA)
    _libtorch_shared_library(CUDA::cudart "${_cudart}")
    target_include_directories(CUDA::cudart INTERFACE "${_site}/nvidia/cu13/include")
    _libtorch_shared_library(NCCL::NCCL "${_nccl}")
    target_include_directories(NCCL::NCCL INTERFACE "${_site}/nvidia/nccl/include")
    target_link_libraries(NCCL::NCCL INTERFACE CUDA::cudart)
    target_link_libraries(LibTorch::LibTorch INTERFACE CUDA::cudart)
  endif()
endif()
