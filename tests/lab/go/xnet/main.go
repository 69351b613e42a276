// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A chat server on golang.org/x/net/websocket.
package main

import (
	"flag"
	"log"
	"net/http"

	"golang.org/x/net/websocket"
)

func main() {
	listen := flag.String("listen", ":8000", "address")
	largest := flag.Int("largest", 0, "bytes of a message; 0: the package's own limit")
	flag.Parse()
	chat := func(connection *websocket.Conn) {
		connection.MaxPayloadBytes = *largest
		websocket.Message.Send(connection, `{"type":"welcome"}`)
		for {
			var text string
			if err := websocket.Message.Receive(connection, &text); err != nil {
				log.Print(err)
				return
			}
			websocket.Message.Send(connection, `{"type":"said"}`)
		}
	}
	// Unlike the package's Handler, one that asks for no Origin.
	log.Fatal(http.ListenAndServe(*listen, websocket.Server{Handler: chat}))
}
