"""Versions of the packages that figures and data hang on."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from anchordiff.errors import MissingExtraError


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed version of each package.

    Raises:
        MissingExtraError: if one is not installed.
    """
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError as error:
            raise MissingExtraError(package, "pointmaze") from error
    return versions
