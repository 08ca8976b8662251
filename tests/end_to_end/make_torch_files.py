"""Files as torch.save writes them, without PyTorch: FOLDER gets zip.pt, plain.pth and code.pth.

The names of PyTorch's classes are stood in for by classes of the same module and name, which is all
that a pickle keeps of them. The tensors: w = [[0, 1, 2], [3, 4, 5]], turned = its transpose on the
same numbers, deep.label = [3, 1, 2] as int64.
"""

import array
import collections
import io
import os
import pickle
import struct
import sys
import types
import zipfile


def stand_in(module, name, thing):
    sys.modules.setdefault(module, types.ModuleType(module))
    thing.__module__, thing.__qualname__ = module, name
    setattr(sys.modules[module], name, thing)
    return thing


FloatStorage = stand_in("torch", "FloatStorage", type("FloatStorage", (), {}))
LongStorage = stand_in("torch", "LongStorage", type("LongStorage", (), {}))
rebuild = stand_in("torch._utils", "_rebuild_tensor_v2", lambda *parts: None)


class Storage:
    def __init__(self, kind, key, count):
        self.identity = ("storage", kind, key, "cpu", count)


class Tensor:
    def __init__(self, *parts):
        self.parts = parts + (False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, self.parts


class Writer(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.identity if isinstance(thing, Storage) else None


class Code:
    def __reduce__(self):
        return os.system, ("touch code-was-run",)


numbers = array.array("f", range(6)).tobytes()
labels = struct.pack("<3q", 3, 1, 2)
value = collections.OrderedDict(
    w=Tensor(Storage(FloatStorage, "0", 6), 0, (2, 3), (3, 1)),
    turned=Tensor(Storage(FloatStorage, "0", 6), 0, (3, 2), (1, 3)),
    deep={"label": Tensor(Storage(LongStorage, "1", 3), 0, (3,), (1,))},
)
folder = sys.argv[1]
pickled = io.BytesIO()
Writer(pickled, 2).dump(value)
with zipfile.ZipFile(os.path.join(folder, "zip.pt"), "w") as archive:
    archive.writestr("archive/data.pkl", pickled.getvalue())
    archive.writestr("archive/data/0", numbers)
    archive.writestr("archive/data/1", labels)
with open(os.path.join(folder, "plain.pth"), "wb") as file:
    for thing in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(thing, file, 2)
    file.write(pickled.getvalue())
    pickle.dump(["0", "1"], file, 2)
    file.write(struct.pack("<q", 6) + numbers + struct.pack("<q", 3) + labels)
with open(os.path.join(folder, "code.pth"), "wb") as file:
    pickle.dump(Code(), file, 2)
