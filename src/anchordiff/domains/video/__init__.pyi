from .films import FilmInfo as FilmInfo
from .films import film_info as film_info
from .films import read_clip as read_clip
from .films import write_film as write_film
