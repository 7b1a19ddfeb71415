// Calls a method in JSON:  NATS_URL=nats://… go run ./sample client.nk employee.v1.EmployeeService.GetEmployee '{"id":"E00002"}'
package main

import (
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

func main() {
	log.SetFlags(0)
	seed, method, request := os.Args[1], os.Args[2], os.Args[3]
	inbox, err := os.ReadFile(strings.TrimSuffix(seed, ".nk") + ".inbox") // each user has a prefix of its own
	if err != nil {
		log.Fatal(err)
	}
	key, err := nats.NkeyOptionFromSeed(seed)
	if err != nil {
		log.Fatal(err)
	}
	connection, err := nats.Connect(os.Getenv("NATS_URL"), key, nats.CustomInboxPrefix(string(inbox)))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	reply, err := connection.Request(method, []byte(request), 5*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
		log.Fatalf("%s: %s", code, reply.Header.Get(micro.ErrorHeader))
	}
	fmt.Println(string(reply.Data))
}
