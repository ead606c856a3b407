from torch import nn

from anchordiff.nn.modes import evaluating


def test_every_part_gets_its_own_mode_back():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval(), nn.Sequential(nn.Dropout()).eval())
    model[2][0].train()
    before = [part.training for part in model.modules()]
    try:
        with evaluating(model):
            assert not any(part.training for part in model.modules())
            raise RuntimeError
    except RuntimeError:
        pass
    assert [part.training for part in model.modules()] == before == [True, True, False, False, True]
