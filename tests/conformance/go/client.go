// What a stock client sees of the mesh: nats.go and its micro package, Google's protobuf and google.rpc.Status.
//
// Knows of Furrow only what its .proto files and the documented headers say. Run by ../drive.py.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
)

const wait = 20 * time.Second

func must0(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func must[T any](value T, err error) T {
	must0(err)
	return value
}

// check says what was seen to be right, and ends the program when it is not.
func check(what string, good bool, seen ...any) {
	if !good {
		log.Panicf("%s: %+v", what, seen)
	}
	fmt.Printf("  ok  %s\n", what)
}

// user is a connection with the seed of a user.
type user struct {
	connection *nats.Conn
	errors     chan error
	contracts  contracts
}

func connect(url, keys, name string, known contracts) *user {
	u := &user{errors: make(chan error, 16), contracts: known}
	key := must(nats.NkeyOptionFromSeed(filepath.Join(keys, name+".nk")))
	onError := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { u.errors <- err })
	u.connection = must(nats.Connect(url, key, nats.CustomInboxPrefix(string(must(os.ReadFile(filepath.Join(keys, name+".inbox"))))), onError))
	return u
}

// callError is an error reply.
type callError struct {
	code code.Code
	text string
	body []byte
}

func (e *callError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.text) }

func (u *user) reply(method string, body []byte, headers map[string]string) (*nats.Msg, error) {
	request := nats.NewMsg(method)
	request.Data = body
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	reply, err := u.connection.RequestMsg(request, wait)
	if err != nil {
		return nil, err
	}
	if number := reply.Header.Get(micro.ErrorCodeHeader); number != "" {
		return nil, &callError{code.Code(must(strconv.Atoi(number))), reply.Header.Get(micro.ErrorHeader), reply.Data}
	}
	return reply, nil
}

// call answers the response as proto3 JSON, and the reply.
func (u *user) call(method string, value any, in encoding, headers map[string]string) (map[string]any, *nats.Msg, error) {
	descriptor, known := u.contracts.methods()[method]
	check0(known, "no method %s", method)
	reply, err := u.reply(method, in.pack(descriptor.Input(), value), headers)
	if err != nil {
		return nil, nil, err
	}
	return in.value(descriptor.Output(), reply.Data), reply, nil
}

// answer is the response of a call that must not fail.
func (u *user) answer(method string, value any, in encoding, headers map[string]string) map[string]any {
	answer, _, err := u.call(method, value, in, headers)
	must0(err)
	return answer
}

func refused(answer any, _ *nats.Msg, err error) *callError {
	var refusal *callError
	check0(errors.As(err, &refusal), "was not refused: %v %v", answer, err)
	return refusal
}

// check0 is a check that is not worth a line of its own.
func check0(good bool, format string, seen ...any) {
	if !good {
		log.Panicf(format, seen...)
	}
}

// refusal is what an error must say.
type refusal struct {
	Code  code.Code
	Text  string
	Field string
}

// The headers say what is wanted, and the body the same as google.rpc.Status, with the field that is wrong.
func checkRefused(what string, err *callError, in encoding, wanted *refusal) {
	var body status.Status
	must0(in.parse(err.body, &body))
	check(fmt.Sprintf("%s: %s, %s", what, err.code, err.text), err.code == wanted.Code && body.Code == int32(wanted.Code) &&
		contained(err.text, wanted.Text) && contained(err.text, body.Message), wanted, &body)
	if wanted.Field == "" {
		return
	}
	var bad errdetails.BadRequest
	must0(body.Details[0].UnmarshalTo(&bad))
	check(fmt.Sprintf("%s: google.rpc.BadRequest names %s", what, wanted.Field), len(bad.FieldViolations) == 1 &&
		bad.FieldViolations[0].Field == wanted.Field && bad.FieldViolations[0].Description != "", &bad)
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

func main() {
	log.SetFlags(0)
	check0(len(os.Args) == 6, "usage: client DESCRIPTORS CASES PHASE URL KEYS")
	known, phase, url, keys := readContracts(os.Args[1]), os.Args[3], os.Args[4], os.Args[5]
	users := users{"client": connect(url, keys, "client", known), "operator": connect(url, keys, "operator", known)}
	cases := readCases(os.Args[2])
	switch phase {
	case "calls":
		everyMethod(users, cases.Cases)
		brokenRequests(users, cases.Broken)
		client := users["client"]
		encodingsAreNegotiated(client)
		keysTakeEffectOnce(client)
		deadlinesAreHonoured(client)
		eventsAreCloudEvents(client, users["operator"])
		servicesAreDiscovered(client)
		statisticsCount(client)
		thousandCalls(client)
	case "stopped":
		nobodyIsThere(users["client"])
	default:
		log.Panicf("no phase %s", phase)
	}
}
