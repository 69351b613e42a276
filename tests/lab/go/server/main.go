// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A chat server on gorilla/websocket, with the habits (good and bad) that its
// flags name. It is what the scenarios call the Go backend.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// settings are the flags; a duration of zero switches a habit off.
type settings struct {
	token        string
	pingEvery    time.Duration
	pongWait     time.Duration
	readDeadline time.Duration
	writeWait    time.Duration
	sayEvery     time.Duration
	saySize      int
	readLimit    int64
	maxMembers   int
	twoWriters   bool
	userTimeout  time.Duration
}

func parse() (listen string, goodbye int, s *settings) {
	s = &settings{}
	flag.StringVar(&listen, "listen", ":8000", "address to listen on")
	flag.IntVar(&goodbye, "goodbye", 0, "Close code for everyone on SIGTERM; 0: none is sent")
	flag.StringVar(&s.token, "token", "", "the token that clients must bring; empty: none")
	flag.DurationVar(&s.pingEvery, "ping-every", 0, "how often to ping")
	flag.DurationVar(&s.pongWait, "pong-wait", 0, "read deadline, extended by pongs")
	flag.DurationVar(&s.readDeadline, "read-deadline", 0, "read deadline that nothing extends")
	flag.DurationVar(&s.writeWait, "write-wait", 0, "write deadline of each message")
	flag.DurationVar(&s.sayEvery, "say-every", 0, "how often to say something unasked")
	flag.IntVar(&s.saySize, "say-size", 16, "how many characters to say then")
	flag.Int64Var(&s.readLimit, "read-limit", 0, "largest message accepted")
	flag.IntVar(&s.maxMembers, "max-members", 0, "further members get Close 1008")
	flag.BoolVar(&s.twoWriters, "two-writers", false, "write from two goroutines without a lock")
	flag.DurationVar(&s.userTimeout, "user-timeout", 0, "TCP_USER_TIMEOUT")
	flag.Parse()
	return listen, goodbye, s
}

func main() {
	listen, goodbye, s := parse()
	h := &chatHandler{settings: s, hub: newHub()}
	mux := http.NewServeMux()
	mux.Handle("/lab/", h)
	mux.HandleFunc("/slow/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		h.ServeHTTP(w, r)
	})
	// A subtree pattern: without its slash the mux answers with a redirect.
	mux.Handle("/chat/", h)

	listener, err := net.Listen("tcp", listen)
	if err != nil {
		log.Fatalf("chat server cannot listen on %s: %v", listen, err)
	}
	if goodbye != 0 {
		go sayGoodbye(h.hub, goodbye)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}

func sayGoodbye(h *hub, code int) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
	h.each(func(m *member) {
		m.conn.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(code, "server is restarting"), time.Now().Add(time.Second))
	})
	time.Sleep(300 * time.Millisecond)
	os.Exit(0)
}
