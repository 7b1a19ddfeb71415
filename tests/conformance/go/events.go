package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	jetstream "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
)

// eventsAreCloudEvents reads an event as the CloudEvents SDK does: who knows nothing of Furrow knows what it is, and its trace.
func eventsAreCloudEvents(client, operator *user) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	events := must(operator.connection.SubscribeSync("employee.v1.Employee.cloud"))
	defer events.Unsubscribe()
	must0(operator.connection.Flush())
	client.answer(hireEmployee, fields{"id": "cloud", "givenName": "C", "familyName": "E", "badge": "400"}, inJSON,
		map[string]string{"traceparent": "00-" + trace + "-" + span + "-01", "tracestate": "rojo=1,congo=t61"})
	message := must(events.NextMsg(wait))
	event, err := binding.ToEvent(context.Background(), jetstream.NewMessage(message))
	must0(err)
	check("CloudEvents: an event is one", event.Validate() == nil && event.Type() == "employee.v1.Employee.hired" &&
		event.Source() == "/employee", event)
	check("… in protobuf, as it says", event.DataContentType() == "application/protobuf" && same(event.Data(), message.Data), event)
	parent, _ := event.Extensions()["traceparent"].(string)
	parts := strings.Split(parent, "-")
	check("… of the request's trace, with a span of its own", len(parts) == 4 && parts[1] == trace && parts[2] != span && parts[3] == "01" &&
		event.Extensions()["tracestate"] == "rojo=1,congo=t61" && message.Header.Get("traceparent") == parent, event)
	event.DataBase64 = true // the SDK leaves it to its user to say so of bytes that are no text
	var structured map[string]any
	must0(json.Unmarshal(must(json.Marshal(event)), &structured))
	check("… and its structured form carries the bytes, not JSON", structured["data"] == nil &&
		structured["data_base64"] == base64.StdEncoding.EncodeToString(message.Data), structured)
}
