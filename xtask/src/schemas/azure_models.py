"""Prints the models of a management package of Azure as JSON, without running any of its code.

Its argument is the folder of the models. Two generations of the generator's output are read: classes whose fields are
`rest_field(...)` with annotations, and classes with `_attribute_map` and `_validation`.
"""

import ast
import json
import pathlib
import re
import sys

PLAIN = {
    "str": "string", "bytes": "string", "int": "integer", "long": "integer", "float": "number", "bool": "boolean",
    "datetime": "string", "date": "string", "time": "string", "timedelta": "string", "Decimal": "number",
    "iso-8601": "string", "rfc-1123": "string", "duration": "string", "base64": "string", "bytearray": "string",
}

enums, members, classes = {}, {}, {}


def text(node):
    return ast.unparse(node) if node is not None else ""


def last(name):
    return name.strip("'\"").rsplit(".", 1)[-1]


def constant(node):
    return node.value if isinstance(node, ast.Constant) else None


def read_enum(node):
    values = {}
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(constant(line.value), (str, int)):
            values[line.targets[0].id] = constant(line.value)
    enums[node.name] = list(values.values())
    members[node.name] = values


def named(name):
    name = last(name)
    if name in PLAIN:
        return {"type": PLAIN[name]}
    if name in enums:
        kind = "string" if all(isinstance(value, str) for value in enums[name]) else "integer"
        return {"type": kind, "enum": enums[name]}
    return {"ref": name} if name in known else {}


def annotated(node):
    """The node of an annotation, and whether it may be absent."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return annotated(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.Subscript):
        outer = last(text(node.value))
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Optional":
            return annotated(inner[0])[0], True
        if outer in ("list", "List", "Sequence"):
            return {"type": "array", "items": annotated(inner[0])[0]}, False
        if outer in ("dict", "Dict", "MutableMapping", "Mapping"):
            return {"type": "object", "additional": annotated(inner[1])[0]}, False
        if outer == "Literal":
            values = [constant(value) for value in inner]
            for index, value in enumerate(inner):
                if isinstance(value, ast.Attribute):
                    values[index] = members.get(last(text(value.value)), {}).get(value.attr)
            values = [value for value in values if value is not None]
            return {"type": "string", "enum": values} if values else {"type": "string"}, False
        if outer == "Union":
            several = [annotated(part)[0] for part in inner]
            closed = [one for one in several if "enum" in one]
            return (closed or several or [{}])[0], False
    return named(text(node)), False


def set_flags(field, visibility):
    if visibility is None:
        return
    if visibility == ["read"]:
        field["$readOnly"] = True
    else:
        if "read" not in visibility:
            field["$writeOnly"] = True
        if "create" in visibility and "update" not in visibility:
            field["$createOnly"] = True


def field_of(line, into):
    call = line.value
    if not (isinstance(call, ast.Call) and last(text(call.func)) in ("rest_field", "rest_discriminator")):
        return
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    wire = constant(words["name"]) if "name" in words else line.target.id
    node, optional = annotated(line.annotation)
    node = dict(node)
    visibility = words.get("visibility")
    set_flags(node, [constant(one) for one in visibility.elts] if visibility is not None else None)
    into["properties"][wire] = node
    if not optional and "$readOnly" not in node:
        into["required"].append(wire)
    if last(text(call.func)) == "rest_discriminator":
        into["by"] = wire


def read_new(node, into):
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
            field_of(line, into)
    for keyword in node.keywords:
        if keyword.arg == "discriminator":
            into["value"] = constant(keyword.value)


def old_type(name, documented):
    if name.startswith("["):
        return {"type": "array", "items": old_type(name[1:-1], documented)}
    if name.startswith("{"):
        return {"type": "object", "additional": old_type(name[1:-1], None)}
    if name in ("object", "JSON"):
        return {}
    return named(documented) if name == "str" and documented in enums else named(name)


def read_old(node, into):
    tables = {}
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            if line.targets[0].id in ("_attribute_map", "_validation", "_subtype_map"):
                tables[line.targets[0].id] = ast.literal_eval(line.value)
    prose = ast.get_docstring(node) or ""
    documented = {
        found.group(1): found.group(2)
        for found in re.finditer(r":vartype (\w+): (?:list\[)?str or\s+~[\w.]+\.(\w+)", prose)
    }
    attributes = tables.get("_attribute_map", {})
    for name, attribute in attributes.items():
        rules = tables.get("_validation", {}).get(name, {})
        field = dict(old_type(attribute["type"], documented.get(name)))
        if rules.get("readonly"):
            field["$readOnly"] = True
        for theirs, ours in (("pattern", "pattern"), ("min_length", "minLength"), ("max_length", "maxLength"),
                             ("minimum", "min"), ("maximum", "max"), ("min_items", "minItems"), ("max_items", "maxItems")):
            if theirs in rules and "ref" not in field:
                field[ours] = rules[theirs]
        if attribute["key"] == "":
            into["additional"] = {}
            continue
        steps = [step.replace("\\", "") for step in re.split(r"(?<!\\)\.", attribute["key"])]
        place = into
        for step in steps[:-1]:
            place = place["properties"].setdefault(step, {"type": "object", "properties": {}, "required": []})
        place["properties"][steps[-1]] = field
        if rules.get("required") and not rules.get("readonly"):
            place["required"].append(steps[-1])
    for name, subtypes in tables.get("_subtype_map", {}).items():
        into["by"] = attributes[name]["key"].replace("\\", "")
        into["subtypes"] = subtypes


def main(folder):
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(pathlib.Path(folder).glob("*.py"))]
    found = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    bases = {node.name: [last(text(base)) for base in node.bases] for node in found}
    for node in found:
        if "Enum" in bases[node.name]:
            read_enum(node)
    global known
    known = {node.name for node in found}
    for node in found:
        if node.name in enums:
            continue
        into = {"type": "object", "properties": {}, "required": [], "bases": bases[node.name]}
        (read_old if any("_attribute_map" in text(line) for line in node.body) else read_new)(node, into)
        classes[node.name] = into
    print(json.dumps(classes, sort_keys=True))


main(sys.argv[1])
