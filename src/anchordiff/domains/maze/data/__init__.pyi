from .batch import ParticleBatch as ParticleBatch
from .config import ParticleMazeConfig as ParticleMazeConfig
from .config import SymmetricWallConfig as SymmetricWallConfig
from .particle import ParticleMazeDataset as ParticleMazeDataset
from .shards import ShardedParticleDataset as ShardedParticleDataset
from .shards import write_shards as write_shards
from .symmetric import SymmetricWallDataset as SymmetricWallDataset
