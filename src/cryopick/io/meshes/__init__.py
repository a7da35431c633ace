"""Files of triangulated surfaces: STL, OBJ, PLY; see `cryopick.io.meshes.registry.read_mesh`."""
