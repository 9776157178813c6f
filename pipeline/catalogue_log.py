"""The topics prefixes and usage, record by record, to what requests are planned by: catalogue and capacity."""

from pipeline.capacity import Capacity
from pipeline.catalogue import Catalogue
from pipeline.prefixes import AreaCode
from schemas import codec
from schemas.events import PrefixBlocks, PrefixCurrent, Usage


class CatalogueLog:
    """Keeps the current version; an older one is dropped when a newer one is whole."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, str], PrefixBlocks] = {}
        self._announced: PrefixCurrent | None = None
        self._usages: dict[str, Usage] = {}  # until there is a catalogue
        self.capacity: Capacity | None = None
        self.imported_at = 0  # of the current version, ms since the epoch

    def take(self, value: bytes) -> None:
        """One record.  Raises codec.CodecError."""
        match codec.decode(value):
            case PrefixBlocks() as blocks:
                self._blocks[blocks.version, blocks.area_code] = blocks
            case PrefixCurrent() as current:
                self._announced = current
            case Usage() as usage if self.capacity is not None:
                self.capacity.take(usage)
            case Usage() as usage:
                known = self._usages.get(usage.area_code)
                if known is None or known.revision < usage.revision:
                    self._usages[usage.area_code] = usage
            case other:
                raise codec.CodecError(f"{type(other).__name__} does not belong there")

    def advance(self) -> bool:
        """Make the announced version the current one, once all its area codes are here; whether it became so."""
        announced, known = self._announced, self.capacity
        if announced is None or (known and known.catalogue.version > announced.version):
            return False
        if known and known.catalogue.version == announced.version:
            self.imported_at = announced.imported_at  # an import in which nothing differed
            return False
        keys = [(announced.version, area_code) for area_code in announced.area_codes]
        if any(key not in self._blocks for key in keys):
            return False
        catalogue = Catalogue(announced.version, [AreaCode(self._blocks[key]) for key in keys])
        self.capacity = known.with_catalogue(catalogue) if known else Capacity(catalogue, self._usages)
        self.imported_at = announced.imported_at
        self._usages = {}
        self._blocks = {k: blocks for k, blocks in self._blocks.items() if k[0] > announced.version}
        return True
