from .curves import draw_curves as draw_curves
from .filming import film as film
from .saving import save_figure as save_figure
