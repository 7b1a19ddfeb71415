package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

type users map[string]*user

// oneCase is a call of ../cases.json, where its fields are explained.
type oneCase struct {
	What    string
	Call    string
	As      string
	Headers map[string]string
	Request map[string]any
	Bytes   []byte `json:"base64"`
	Answer  map[string]any
	Refused *refusal
	Keep    map[string]string
}

type allCases struct {
	Cases, Broken []oneCase
}

func readCases(path string) (all allCases) {
	must0(json.Unmarshal(must(os.ReadFile(path)), &all))
	check0(len(all.Cases) > 0 && len(all.Broken) > 0, "no cases in %s", path)
	return all
}

func (c oneCase) substituted(words map[string]string) (out oneCase) {
	text := string(must(json.Marshal(c)))
	for word, value := range words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	must0(json.Unmarshal([]byte(text), &out))
	return out
}

func (c oneCase) user(all users) *user {
	if c.As != "" {
		return all[c.As]
	}
	return all["client"]
}

func contained(text, part string) bool { return text != "" && strings.Contains(text, part) }

// contains: is everything of wanted in the answer? null: not there. Lists have the same length.
func contains(answer, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		fields, good := answer.(map[string]any)
		for name, value := range wanted {
			field, there := fields[name]
			good = good && there == (value != nil) && (value == nil || contains(field, value))
		}
		return good
	case []any:
		items, good := answer.([]any)
		good = good && len(items) == len(wanted)
		for i := 0; good && i < len(wanted); i++ {
			good = contains(items[i], wanted[i])
		}
		return good
	default:
		return same(answer, wanted)
	}
}

// NATS tells who may not publish; nobody answers.
func forbidden(client *user, method string) {
	must0(client.connection.PublishRequest(method, client.connection.NewInbox(), []byte("{}")))
	select {
	case err := <-client.errors:
		check(method+": NATS refuses it to the ordinary client", contained(err.Error(), nats.ErrPermissionViolation.Error()) &&
			contained(err.Error(), method), err)
	case <-time.After(wait):
		check(method+": NATS refuses it to the ordinary client", false, "no error came")
	}
}

// kept is what a case keeps of its answer for those after it.
func (c oneCase) kept(answer map[string]any, reply *nats.Msg) map[string]string {
	words := map[string]string{}
	for word, where := range c.Keep {
		if header, isHeader := strings.CutPrefix(where, "header "); isHeader {
			words[word] = reply.Header.Get(header)
		} else {
			words[word] = answer[where].(string)
		}
		check0(words[word] != "", "%s: no %s in %v", c.Call, where, answer)
	}
	return words
}

func everyMethod(all users, cases []oneCase) {
	date := time.Now().UTC().Add(-(4 + 24) * time.Hour)
	called := map[string]bool{}
	for _, in := range encodings {
		words := map[string]string{"set": string(in), "date": date.Format(time.DateOnly), "day": date.Format("20060102")}
		for i, raw := range cases {
			one := raw.substituted(words)
			what := fmt.Sprintf("%s %d %s", in, i+1, one.Call)
			called[one.Call] = true
			if one.As != "" {
				forbidden(all["client"], one.Call)
			}
			answer, reply, err := one.user(all).call(one.Call, one.Request, in, one.Headers)
			if one.Refused != nil {
				checkRefused(what, refused(answer, reply, err), in, one.Refused)
				continue
			}
			must0(err)
			check(what, contains(answer, one.Answer), answer, "lacks some of", one.Answer)
			maps.Copy(words, one.kept(answer, reply))
		}
	}
	methods := all["client"].contracts.methods()
	for name := range methods {
		check0(called[name], "%s is not called by any case", name)
	}
	check(fmt.Sprintf("these were all %d methods", len(methods)), len(methods) > 0 && len(called) == len(methods), called)
}

func brokenRequests(all users, cases []oneCase) {
	for _, one := range cases {
		reply, err := one.user(all).reply(one.Call, one.Bytes, one.Headers)
		refusal := refused(reply, nil, err)
		in := inProtobuf
		if strings.HasPrefix(string(refusal.body), "{") {
			in = inJSON
		}
		checkRefused(one.What, refusal, in, one.Refused)
	}
}
