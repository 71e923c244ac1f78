#!/usr/bin/env python3
"""Writes a file as a C array: `const char NAME[]` (NUL-terminated) and `const size_t NAME_len`.

usage: embed.py INPUT OUTPUT NAME
"""
import sys

source, target, name = sys.argv[1:4]
data = open(source, "rb").read()
with open(target, "w", encoding="ascii") as out:
    out.write(f"#include <stddef.h>\nextern const char {name}[];\nextern const size_t {name}_len;\n")
    out.write(f"const size_t {name}_len = {len(data)};\nconst char {name}[] = {{\n")
    for i in range(0, len(data), 20):
        out.write("".join(f"{b if b < 128 else b - 256}," for b in data[i:i + 20]) + "\n")
    out.write("0};\n")
