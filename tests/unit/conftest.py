"""What several files of unit tests stand on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def load_dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """``datasets.load_dataset`` that may use neither network nor anybody's cache."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(cache))
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        import datasets

        datasets.disable_progress_bars()

        def load(*args: Any, **options: Any) -> Any:
            return datasets.load_dataset(*args, cache_dir=str(cache), **options)

        yield load
