# Aeron's static libraries end in a shared object, the Python extension: their code must not depend on its address.
# Named by .cargo/config.toml for every CMake build that cargo starts.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
