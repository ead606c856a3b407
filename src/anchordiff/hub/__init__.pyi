from .pretrained import PushOptions as PushOptions
from .pretrained import from_pretrained as from_pretrained
from .pretrained import push_to_hub as push_to_hub
from .pretrained import save_pretrained as save_pretrained
from .registry import Composite as Composite
from .registry import register as register
from .sources import bundled_names as bundled_names
from .sources import locate as locate
