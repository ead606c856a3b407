import pytest

from anchordiff.progress import progress_bar


def test_the_bar_shows_loss_rate_and_time_left(capsys: pytest.CaptureFixture[str]):
    bar = progress_bar("run", "step", total=100, start=40, shown=True)
    bar.update(10)
    bar.set_postfix(loss="0.5")
    bar.close()
    shown = capsys.readouterr().err
    assert "50/100" in shown
    assert "step/s" in shown
    assert "loss=0.5" in shown
    assert "<" in shown
    progress_bar("run", "step", total=10, shown=False).close()
    assert capsys.readouterr().err == ""


def test_a_loop_over_a_bar_goes_through_what_it_is_given(capsys: pytest.CaptureFixture[str]):
    assert list(progress_bar("run", "letter", over="abc", total=3, shown=True)) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize(("total", "written"), [(99_999, "0/99999"), (100_000, "0.00/100k")])
def test_large_counts_are_shortened(capsys: pytest.CaptureFixture[str], total: int, written: str):
    progress_bar("run", "step", total=total, shown=True).close()
    assert written in capsys.readouterr().err


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]):
    progress_bar("run", "step", total=3, shown=None).close()
    assert capsys.readouterr().err == ""
