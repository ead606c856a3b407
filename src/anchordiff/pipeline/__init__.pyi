from .config import PipelineConfig as PipelineConfig
from .config import SamplerName as SamplerName
from .records import Generation as Generation
from .records import Plan as Plan
from .records import Trace as Trace
from .request import GenerateOptions as GenerateOptions
from .two_stage import TwoStagePipeline as TwoStagePipeline
