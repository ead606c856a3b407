from .config import EncoderConfig as EncoderConfig
from .config import TransformerConfig as TransformerConfig
from .encoder import Encoder as Encoder
from .frame import Frame as Frame
from .scene import Look as Look
from .scene import Scene as Scene
from .transformer import RefinementTransformer as RefinementTransformer
