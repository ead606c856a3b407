from .comparison import run_methods as run_methods
from .methods import Attempt as Attempt
from .methods import Method as Method
from .results import Column as Column
from .results import Evaluation as Evaluation
from .results import MethodResult as MethodResult
from .statistics import wilson_interval as wilson_interval
