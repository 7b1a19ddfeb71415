package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// contracts are the services of a descriptor set that protoc made of the .proto files, by their short names.
type contracts map[string]protoreflect.ServiceDescriptor

func readContracts(path string) contracts {
	var set descriptorpb.FileDescriptorSet
	must0(proto.Unmarshal(must(os.ReadFile(path)), &set))
	files := must(protodesc.NewFiles(&set))
	found := contracts{}
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			name, _, _ := strings.Cut(string(file.Package()), ".")
			found[name] = file.Services().Get(i)
		}
		return true
	})
	return found
}

func (c contracts) methods() map[string]protoreflect.MethodDescriptor {
	all := map[string]protoreflect.MethodDescriptor{}
	for _, service := range c {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			all[subject(method)] = method
		}
	}
	return all
}

func subject(method protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("%s.%s", method.Parent().FullName(), method.Name())
}

// encoding makes bytes of messages and back, in "json" or "protobuf"; what the program sees is proto3 JSON either way.
type encoding string

const (
	inJSON     encoding = "json"
	inProtobuf encoding = "protobuf"
)

var encodings = []encoding{inJSON, inProtobuf}

func (e encoding) contentType() string { return "application/" + string(e) }

func (e encoding) other() encoding {
	if e == inJSON {
		return inProtobuf
	}
	return inJSON
}

func (e encoding) pack(descriptor protoreflect.MessageDescriptor, value any) []byte {
	text := must(json.Marshal(value))
	if e == inJSON {
		return text
	}
	message := dynamicpb.NewMessage(descriptor)
	must0(protojson.Unmarshal(text, message))
	return must(proto.Marshal(message))
}

// parse reads strictly: a JSON field that the message does not have is an error.
func (e encoding) parse(data []byte, into proto.Message) error {
	if e == inJSON {
		return protojson.UnmarshalOptions{Resolver: protoregistry.GlobalTypes}.Unmarshal(data, into)
	}
	return proto.Unmarshal(data, into)
}

func (e encoding) value(descriptor protoreflect.MessageDescriptor, data []byte) map[string]any {
	message := dynamicpb.NewMessage(descriptor)
	must0(e.parse(data, message))
	if e == inProtobuf {
		data = must(protojson.Marshal(message))
	}
	var value map[string]any
	must0(json.Unmarshal(data, &value))
	return value
}
