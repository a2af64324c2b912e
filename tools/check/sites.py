"""The paravirt sites of an image, from its own bytes: the record section, and what pvops/pv_ops.def says of each op.

A record is `struct paravirt_patch_site { u64 instr; u8 type; u8 len; u16 clobbers; }`, aligned to 8: 16 bytes apart,
the last one possibly only 12 bytes long, so the section is walked while a record begins before its end.
"""

import collections
import re
import struct

RECORD = struct.Struct("<QBBH")
STRIDE = 16
SECTION = ".parainstructions"
# Numbers from here on are alternatives by CPU feature (pvops/alt.def), not ops.
ALTERNATIVES = 192

Site = collections.namedtuple("Site", "instr type len clobbers place")
Op = collections.namedtuple("Op", "group position name cls length native number")
OP_LINE = re.compile(r"^PV_OP\((\w+), *(\d+), *(\w+), *(\w+), *(\d+), *([\w()]+),", re.M)
END_LINE = re.compile(r"^PV_GROUP_END\((\w+), *(\d+)\)", re.M)


def read_sites(image):
    """All records of the image, in order."""
    section = image.section(SECTION)
    if section is None:
        return []
    out = []
    for place in range(0, section.size, STRIDE):
        if place + RECORD.size <= section.size:
            out.append(Site(*RECORD.unpack_from(section.data, place), section.addr + place))
    return out


def read_ops(path):
    """pv_ops.def as number -> Op; the number is the op's word in all groups laid end to end."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    base, words = {}, 0
    for group, size in END_LINE.findall(text):
        base[group] = words
        words += int(size)
    ops = {}
    if len(OP_LINE.findall(text)) != len(re.findall(r"^PV_OP\(", text, re.M)):
        raise ValueError(f"{path}: a PV_OP row is not of the form that is read here")
    for group, position, name, cls, length, native in OP_LINE.findall(text):
        number = base[group] + int(position)
        ops[number] = Op(group, int(position), name, cls, int(length), native, number)
    return ops


def slot_address(image, op):
    """Where the op's live slot lies: one object pv_ops, or an object per group; None if there is neither."""
    whole = image.address("pv_ops")
    if whole is not None:
        return whole + 8 * op.number
    group = image.address(f"pv_{op.group}_ops")
    return None if group is None else group + 8 * op.position


def site_target(site, code):
    """The memory word that an unpatched site's `call *disp32(%rip)` or `jmp *disp32(%rip)` goes through, or None."""
    if code is None or len(code) < 6 or code[0] != 0xFF or code[1] not in (0x15, 0x25):
        return None
    return (site.instr + 6 + struct.unpack_from("<i", code, 2)[0]) % (1 << 64)
