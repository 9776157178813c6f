"""A rolling restart to a newer release, and back."""

from random import Random

from chaos.errors import ChaosError
from chaos.fault import Fault
from chaos.reading import Reader
from chaos.system import System
from schemas import codec

BATCHES_MIXED = 10  # stored by workers of two releases


class RollingUpgrade(Fault):
    """Workers and gateway are replaced by the next release, whose events all have a field more."""

    def strike(self, system: System, chance: Random) -> str:
        """A worker goes back, too, and the gateway; until its turn it reads what newer workers write."""
        older = dict(system.environment)
        newer = older | system.upgrade()
        order = chance.sample(system.workers, len(system.workers))
        for worker in order:
            worker.become(newer)
            system.wait_for_work(BATCHES_MIXED)
        order[0].become(older)
        system.wait_for_work(BATCHES_MIXED)
        order[0].become(newer)
        for release in (newer, older, newer):
            system.gateway.become(release)
            system.wait_for_gateway()
            system.wait_for_work(BATCHES_MIXED)
        return (
            f"{len(order)} workers in turn, {order[0].name} and the gateway back and forth; "
            f"{_share_of_newer(system):.0%} of the batches asked for by newer ones"
        )


def _share_of_newer(system: System) -> float:
    """Of what is on `batches`.  Raises ChaosError where all of it is of one release: then nothing was tried."""
    own = {codec.schema_fingerprint(schema) for one in codec.schema_files().values() for schema in one}
    newer = [
        entry.value[2 : codec.HEADER_BYTES] not in own
        for topic, entry in Reader(system.settings).new_entries()
        if topic == "batches" and entry.value
    ]
    if len(set(newer)) < 2:
        raise ChaosError("all batches were asked for by workers of one release")
    return sum(newer) / len(newer)
