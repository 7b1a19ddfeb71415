package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"google.golang.org/genproto/googleapis/rpc/code"
)

const (
	getEmployee  = "employee.v1.EmployeeService.GetEmployee"
	hireEmployee = "employee.v1.EmployeeService.HireEmployee"
	calls        = 1000
)

type fields = map[string]any

var ana = fields{"id": "E1-json"}

func encodingsAreNegotiated(client *user) {
	method := client.contracts.methods()[getEmployee]
	for _, in := range encodings {
		reply := must(client.reply(getEmployee, in.pack(method.Input(), ana), map[string]string{"Accept": in.other().contentType()}))
		answer := in.other().value(method.Output(), reply.Data)
		check(fmt.Sprintf("Accept: a request in %s is answered in %s", in, in.other()), contains(answer, fields{"employee": ana}) &&
			reply.Header.Get("Content-Type") == in.other().contentType(), reply)
	}
	reply := must(client.reply(getEmployee, inProtobuf.pack(method.Input(), ana), nil))
	check("a plain protobuf read answers without headers", len(reply.Header) == 0, reply.Header)
}

func keysTakeEffectOnce(client *user) {
	headers := map[string]string{"Idempotency-Key": "hire-1"}
	hire := func(in encoding, badge string) (fields, *nats.Msg, error) {
		return client.call(hireEmployee, fields{"givenName": "Zoe", "familyName": "Paz", "badge": badge}, in, headers)
	}
	answers := make([]fields, 9)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			answer, _, err := hire(encodings[i%2], "200")
			must0(err)
			answers[i] = answer
		})
	}
	group.Wait()
	answer, _, err := hire(inJSON, "200")
	must0(err)
	answers[8] = answer
	once := true
	for _, one := range answers {
		once = once && same(one, answer)
	}
	check("an idempotency key, 8 at once in both encodings and again: one answer", once, answers)
	listed := client.answer("employee.v1.EmployeeService.ListEmployees", fields{"namePrefix": "Zoe"}, inJSON, nil)
	check("… one effect", contains(listed, fields{"employees": []any{fields{"id": answer["employee"].(fields)["id"]}}}), listed)
	refusal := refused(hire(inJSON, "201"))
	check("… and for another request it is INVALID_ARGUMENT", refusal.code == code.Code_INVALID_ARGUMENT && contained(refusal.text, "Idempotency-Key"), refusal)
}

func deadlinesAreHonoured(client *user) {
	late := fields{"id": "late", "givenName": "L", "familyName": "T", "badge": "300"}
	refusal := refused(client.call(hireEmployee, late, inProtobuf, map[string]string{"Grpc-Timeout": "0m"}))
	check("a deadline that has passed is DEADLINE_EXCEEDED", refusal.code == code.Code_DEADLINE_EXCEEDED, refusal)
	refusal = refused(client.call(getEmployee, fields{"id": "late"}, inProtobuf, nil))
	check("… and nothing was done", refusal.code == code.Code_NOT_FOUND, refusal)

	inbox := client.connection.NewInbox()
	replies := must(client.connection.SubscribeSync(inbox + ".*"))
	for _, timeout := range []string{"2S", "100m"} { // both wait for a version that will not come
		request := &nats.Msg{Subject: getEmployee, Reply: inbox + "." + timeout, Data: []byte(`{"id":"E1-json"}`), Header: nats.Header{}}
		request.Header.Set("Grpc-Timeout", timeout)
		request.Header.Set("Furrow-After", "employee.v1.Employee.E1-json=999999999")
		must0(client.connection.PublishMsg(request))
	}
	first, second := must(replies.NextMsg(wait)), must(replies.NextMsg(wait))
	check("the shorter of two deadlines ends first, though sent last", first.Subject == inbox+".100m" && second.Subject == inbox+".2S", first, second)
	check("… as DEADLINE_EXCEEDED", first.Header.Get(micro.ErrorCodeHeader) == "4" && second.Header.Get(micro.ErrorCodeHeader) == "4", first, second)
	refusal = refused(client.call(getEmployee, ana, inJSON, map[string]string{"Grpc-Timeout": "soon"}))
	check("a deadline that is none is INVALID_ARGUMENT", refusal.code == code.Code_INVALID_ARGUMENT && contained(refusal.text, "Grpc-Timeout"), refusal)
}

// asked is what services answer to a verb of the NATS service protocol, as nats.go's own types: no field is unknown to them.
func asked[T any](client *user, want int, verb micro.Verb, name, id string) []T {
	inbox := client.connection.NewInbox()
	subscription := must(client.connection.SubscribeSync(inbox))
	defer subscription.Unsubscribe()
	must0(client.connection.PublishRequest(must(micro.ControlSubject(verb, name, id)), inbox, nil))
	found := make([]T, want)
	for i := range found {
		decoder := json.NewDecoder(bytes.NewReader(must(subscription.NextMsg(wait)).Data))
		decoder.DisallowUnknownFields()
		must0(decoder.Decode(&found[i]))
	}
	return found
}

func statistics(client *user, service, method string) micro.EndpointStats {
	for _, endpoint := range asked[micro.Stats](client, 1, micro.StatsVerb, service, "")[0].Endpoints {
		if endpoint.Name == method {
			return *endpoint
		}
	}
	panic("no statistics of " + method)
}

func discovered[T any](client *user, verb micro.Verb, wanted string, identity func(T) (micro.ServiceIdentity, string)) {
	found := map[string]micro.ServiceIdentity{}
	for _, one := range asked[T](client, len(client.contracts), verb, "", "") {
		who, kind := identity(one)
		check0(kind == wanted, "%v is of type %s", one, kind)
		found[who.Name] = who
	}
	for name := range client.contracts {
		check0(found[name].ID != "", "%s: no answer of %s", verb, name)
	}
	check(fmt.Sprintf("%s: all answer", verb), len(found) == len(client.contracts), found)
	named, _ := identity(asked[T](client, 1, verb, "job", found["job"].ID)[0])
	check(fmt.Sprintf("%s of one instance by its id", verb), same(named, found["job"]), named)
}

func servicesAreDiscovered(client *user) {
	discovered(client, micro.PingVerb, micro.PingResponseType, func(p micro.Ping) (micro.ServiceIdentity, string) { return p.ServiceIdentity, p.Type })
	discovered(client, micro.InfoVerb, micro.InfoResponseType, func(i micro.Info) (micro.ServiceIdentity, string) { return i.ServiceIdentity, i.Type })
	discovered(client, micro.StatsVerb, micro.StatsResponseType, func(s micro.Stats) (micro.ServiceIdentity, string) { return s.ServiceIdentity, s.Type })
	for name, service := range client.contracts {
		info := asked[micro.Info](client, 1, micro.InfoVerb, name, "")[0]
		check0(len(info.Endpoints) == service.Methods().Len(), "%s: %v", name, info.Endpoints)
		for _, endpoint := range info.Endpoints {
			method := client.contracts.methods()[endpoint.Subject]
			check0(method != nil && endpoint.Name == string(method.Name()) && endpoint.QueueGroup == name &&
				endpoint.Metadata["request"] == string(method.Input().FullName()) &&
				endpoint.Metadata["response"] == string(method.Output().FullName()), "%s: %+v", name, endpoint)
		}
		check(fmt.Sprintf("INFO: %s describes every method of its .proto", name), info.Description != "", info)
	}
}

func statisticsCount(client *user) {
	before := statistics(client, "job", "GetJob")
	client.answer("job.v1.JobService.GetJob", fields{"id": "J1-json"}, inJSON, nil)
	refused(client.call("job.v1.JobService.GetJob", fields{"id": "nothing"}, inProtobuf, nil))
	after := statistics(client, "job", "GetJob")
	check("STATS: counts requests and errors", after.NumRequests-before.NumRequests == 2 && after.NumErrors-before.NumErrors == 1, before, after)
	check("STATS: keeps the last error and the time", contained(after.LastError, "no job nothing") && after.ProcessingTime > before.ProcessingTime, after)
}

func thousandCalls(client *user) {
	connection, method := client.connection, client.contracts.methods()[getEmployee]
	before := statistics(client, "employee", "GetEmployee")
	inbox, replies := connection.NewInbox(), make(chan *nats.Msg, 2*calls)
	must(connection.ChanSubscribe(inbox+".*", replies))
	for i := range calls {
		must0(connection.PublishRequest(getEmployee, fmt.Sprintf("%s.%d", inbox, i), encodings[i%2].pack(method.Input(), ana)))
	}
	answers := make([]*nats.Msg, calls)
	for timeout, left := time.After(wait), calls; left > 0; left-- {
		select {
		case reply := <-replies:
			number := must(strconv.Atoi(strings.TrimPrefix(reply.Subject, inbox+".")))
			check0(answers[number] == nil, "call %d was answered twice", number)
			answers[number] = reply
		case <-timeout:
			check0(false, "%d of %d calls were not answered", left, calls)
		}
	}
	want := client.answer(getEmployee, ana, inJSON, nil) // any second answer to the calls before would come before this one's
	check(fmt.Sprintf("%d calls at once: each answered once", calls), len(replies) == 0)
	rightly := true
	for i, reply := range answers {
		rightly = rightly && same(encodings[i%2].value(method.Output(), reply.Data), want)
	}
	check("… and rightly, in the encoding of each", rightly)
	after := statistics(client, "employee", "GetEmployee")
	check("… and each handled once, by STATS", after.NumRequests-before.NumRequests == calls+1, before, after)
}

func nobodyIsThere(client *user) {
	for _, in := range encodings {
		answer, _, err := client.call(getEmployee, ana, in, nil)
		check(fmt.Sprintf("a stopped service in %s: %v", in, err), errors.Is(err, nats.ErrNoResponders), answer, err)
	}
	found := map[string]bool{}
	for _, one := range asked[micro.Ping](client, len(client.contracts)-1, micro.PingVerb, "", "") {
		found[one.Name] = true
	}
	check("… and the others are there", len(found) == len(client.contracts)-1 && !found["employee"], found)
	answer := client.answer("timesheet.v1.TimesheetService.ClockIn", fields{"employeeId": "E1-json", "jobId": "J1-json", "locationId": "B1-json"}, inJSON, nil)
	check("… and answer: timesheet clocks its people in", contains(answer, fields{"day": fields{"status": "DAY_STATUS_OPEN"}}), answer)
}
