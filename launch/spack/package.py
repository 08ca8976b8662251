# allmodes for Spack.
#
# Not tried: no Spack was at hand. The names are those of Spack's builtin repository.
#
#   spack repo create ~/mine && mkdir -p ~/mine/packages/allmodes
#   cp launch/spack/package.py ~/mine/packages/allmodes/ && spack repo add ~/mine
#   spack install allmodes ^openmpi+pmi schedulers=slurm
#
# py-torch has to be 2.11: the program is linked to its libraries. CUDA and NCCL are compiled in where
# the package was built with them and lays NCCL beside itself as PyPI's wheel does; else this builds
# the CPU flavour.

from spack.package import *


class Allmodes(CMakePackage):
    """A distributed trainer for GANs, VAEs and the autoencoders between them that says, in numbers,
    whether the model has collapsed, how, and what is missing."""

    license("MIT")

    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("openmpi@4.1:4")
    depends_on("py-torch@2.11")
    depends_on("protobuf@3.21:")
    depends_on("cli11")
    depends_on("spdlog+fmt_external")
    depends_on("fmt")
    depends_on("nlohmann-json")
    depends_on("xxhash")
    depends_on("libpng")
    depends_on("jpeg")
    depends_on("libwebp")
    depends_on("zstd")
    depends_on("zlib-api")

    conflicts("%gcc@:11", msg="C++20 of GCC 12 or newer is needed")

    generator("ninja")

    def cmake_args(self):
        torch = join_path(self.spec["python"].package.platlib, "torch")
        site = self.spec["py-torch"].prefix
        return [
            self.define("LIBTORCH_ROOT", join_path(site, torch)),
            self.define("ALLMODES_TESTS", False),
            self.define("ALLMODES_INSTALL_TORCH", False),
            self.define("CMAKE_UNITY_BUILD", True),
        ]
