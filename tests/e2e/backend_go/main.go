// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A small chat backend on gorilla/websocket. Besides chatting it can be told,
// over the connection itself, to end that connection in a particular way.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listen := flag.String("listen", ":0", "address to listen on")
	tokenPrefix := flag.String("token-prefix", "", "what a valid token starts with")
	readLimit := flag.Int64("read-limit", 64*1024, "largest message accepted, in bytes")
	flag.Parse()

	handler := newChatHandler(newHub("lobby", "support"), *tokenPrefix, *readLimit)
	mux := http.NewServeMux()
	mux.Handle("/e2e/", handler)
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})

	// No explicit family: an IPv4 client then reaches a dual-stack socket
	// and shows up there with a v4-mapped address, as in most Go servers.
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatalf("chat backend cannot listen on %s: %v", *listen, err)
	}
	fmt.Fprintf(os.Stdout, "listening on %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
