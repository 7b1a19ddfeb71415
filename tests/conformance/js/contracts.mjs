// The services of a descriptor set that protoc made of the .proto files, and bytes of their messages in both encodings.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, fromJson, fromJsonString, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

// Services by their short names, methods by their subjects.
export function readContracts(path) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
  const services = new Map();
  const methods = new Map();
  for (const file of registry.files) {
    for (const service of file.services) {
      services.set(file.proto.package.split(".")[0], service);
      for (const method of service.methods) {
        methods.set(`${service.typeName}.${method.name}`, method);
      }
    }
  }
  return { registry, services, methods };
}

// "json" and "protobuf". What the program sees is proto3 JSON either way. Reading is strict: a JSON field that the message does not have is an
// error.
export function encodingsOf({ registry }) {
  const options = { registry };
  const json = {
    name: "json",
    type: "application/json",
    pack: (schema, value) => JSON.stringify(value),
    parse: (schema, data) => fromJsonString(schema, Buffer.from(data).toString(), options),
    value(schema, data) {
      this.parse(schema, data);
      return JSON.parse(Buffer.from(data).toString());
    },
  };
  const protobuf = {
    name: "protobuf",
    type: "application/protobuf",
    pack: (schema, value) => toBinary(schema, fromJson(schema, value, options)),
    parse: (schema, data) => fromBinary(schema, data),
    value: (schema, data) => toJson(schema, fromBinary(schema, data), options),
  };
  return { json, protobuf };
}
