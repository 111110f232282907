// SPDX-License-Identifier: Apache-2.0

// client: a client of the gRPC doors on grpc-go, whose HTTP/2 is its own. It decides nothing: it does what a scenario
// says, a JSON object a line on standard input, and says what came of it, one a line on standard output. client.mjs is
// the same on Node; what the lines are is said in stack_client.py.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/ioutil"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/golang/protobuf/jsonpb"
	"github.com/golang/protobuf/proto"
	"github.com/golang/protobuf/protoc-gen-go/descriptor"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	_ "stubs/fin"
	_ "stubs/health/grpc/health/v1"
	_ "stubs/reflection/grpc/reflection/v1"
	_ "stubs/reflectionalpha/grpc/reflection/v1alpha"
	_ "stubs/rto"
	_ "stubs/todo"
)

var files = []string{"fin.proto", "todo.proto", "rto.proto", "grpc/health/v1/health.proto",
	"grpc/reflection/v1/reflection.proto", "grpc/reflection/v1alpha/reflection.proto"}

// What is wrong here is the test's own fault.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// --- methods ----------------------------------------------------------------

type method struct {
	input, output  reflect.Type // pointers to messages
	bidi, responds bool         // responds: with a stream
}

// What protoc-gen-go has made keeps the .proto files with it.
func methods() map[string]method {
	known := map[string]method{}
	for _, name := range files {
		packed, err := gzip.NewReader(bytes.NewReader(proto.FileDescriptor(name)))
		must(err)
		plain, err := ioutil.ReadAll(packed)
		must(err)
		var file descriptor.FileDescriptorProto
		must(proto.Unmarshal(plain, &file))
		for _, service := range file.Service {
			full := strings.TrimPrefix(file.GetPackage()+"."+service.GetName(), ".")
			for _, m := range service.Method {
				known[full+"/"+m.GetName()] = method{
					proto.MessageType(m.GetInputType()[1:]), proto.MessageType(m.GetOutputType()[1:]),
					m.GetClientStreaming(), m.GetServerStreaming()}
			}
		}
	}
	return known
}

func empty(of reflect.Type) proto.Message { return reflect.New(of.Elem()).Interface().(proto.Message) }

func read(of reflect.Type, text json.RawMessage) proto.Message {
	message := empty(of)
	must(jsonpb.Unmarshal(bytes.NewReader(text), message))
	return message
}

// --- lines ------------------------------------------------------------------

type said struct {
	Do, On, Target, Method, Path string
	Call                         int
	Message                      json.RawMessage
	KeepaliveMs                  int64  `json:"keepalive_ms"`
	DeadlineMs                   *int64 `json:"deadline_ms"`
	WaitForReady                 bool   `json:"wait_for_ready"`
	Gzip                         bool
	Metadata                     map[string]string
}

type answer map[string]interface{}

var saying sync.Mutex

func say(a answer) {
	saying.Lock()
	defer saying.Unlock()
	must(json.NewEncoder(os.Stdout).Encode(a))
}

func sayMessage(call int, message proto.Message) {
	text, err := (&jsonpb.Marshaler{OrigName: true, EmitDefaults: true}).MarshalToString(message)
	must(err)
	say(answer{"call": call, "message": json.RawMessage(text)})
}

func sayEnd(call int, err error) {
	if err == io.EOF {
		err = nil
	}
	s := status.Convert(err)
	say(answer{"call": call, "code": int(s.Code()), "text": s.Message()})
}

// --- calls ------------------------------------------------------------------

type call struct {
	number  int
	method  method
	path    string
	conn    *grpc.ClientConn
	options []grpc.CallOption
	ctx     context.Context
	cancel  context.CancelFunc
	out     chan proto.Message // closed: half-closed
}

func (c *call) unary() {
	var headers metadata.MD
	value := empty(c.method.output)
	err := c.conn.Invoke(c.ctx, c.path, <-c.out, value, append(c.options, grpc.Header(&headers))...)
	c.sayHeaders(headers)
	if err == nil {
		sayMessage(c.number, value)
	}
	sayEnd(c.number, err)
}

func (c *call) sayHeaders(headers metadata.MD) {
	if len(headers) > 0 {
		say(answer{"call": c.number, "headers": true})
	}
}

func (c *call) send(stream grpc.ClientStream) {
	for message := range c.out {
		if stream.SendMsg(message) != nil {
			return // who receives is told why
		}
	}
	_ = stream.CloseSend()
}

func (c *call) streaming() {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: c.method.bidi}
	stream, err := c.conn.NewStream(c.ctx, desc, c.path, c.options...)
	if err != nil {
		sayEnd(c.number, err)
		return
	}
	go c.send(stream)
	if headers, err := stream.Header(); err == nil {
		c.sayHeaders(headers)
	}
	for {
		value := empty(c.method.output)
		if err = stream.RecvMsg(value); err != nil {
			sayEnd(c.number, err)
			return
		}
		sayMessage(c.number, value)
	}
}

// --- what can be asked ------------------------------------------------------

var (
	known       = methods()
	connections = map[string]*grpc.ClientConn{}
	calls       = map[int]*call{}
)

func open(s said) {
	fast := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second}
	options := []grpc.DialOption{grpc.WithInsecure(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: fast, MinConnectTimeout: time.Second})}
	if s.KeepaliveMs > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: time.Duration(s.KeepaliveMs) * time.Millisecond, PermitWithoutStream: true}))
	}
	if s.Gzip {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	}
	conn, err := grpc.Dial(s.Target, options...)
	must(err)
	connections[s.On] = conn
}

func start(s said) {
	c := &call{number: s.Call, method: known[s.Method], path: s.Path, conn: connections[s.On],
		options: []grpc.CallOption{grpc.WaitForReady(s.WaitForReady)}, out: make(chan proto.Message, 1000)}
	if c.path == "" {
		c.path = "/" + s.Method
	}
	c.ctx, c.cancel = context.WithCancel(metadata.NewOutgoingContext(context.Background(), metadata.New(s.Metadata)))
	if s.DeadlineMs != nil {
		c.ctx, c.cancel = context.WithTimeout(c.ctx, time.Duration(*s.DeadlineMs)*time.Millisecond)
	}
	calls[s.Call] = c
	if !c.method.bidi {
		c.out <- read(c.method.input, s.Message)
		close(c.out)
	}
	if c.method.responds {
		go c.streaming()
	} else {
		go c.unary()
	}
}

func send(s said) { calls[s.Call].out <- read(calls[s.Call].method.input, s.Message) }

func halfClose(s said) { close(calls[s.Call].out) }

func cancel(s said) { calls[s.Call].cancel() }

func main() {
	verbs := map[string]func(said){"open": open, "start": start, "send": send, "half_close": halfClose,
		"cancel": cancel}
	lines := json.NewDecoder(os.Stdin)
	for {
		var s said
		err := lines.Decode(&s)
		if err == io.EOF {
			return
		}
		must(err)
		verbs[s.Do](s)
	}
}
