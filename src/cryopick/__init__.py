"""Find particles in cryo-EM micrographs and cryo-ET tomograms.

The library is the sub-packages, each a floor that imports only what lies below it::

    model  geometry  ops  io  pick  evaluate  simulate  run  project  jobs  cli
"""

__version__ = "0.1.0"
