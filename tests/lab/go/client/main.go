// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A client on gorilla/websocket: dials, says something now and then, and
// prints "open", and in the end "closed: WHY".
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	url := flag.String("url", "", "where to")
	token := flag.String("token", "", "bearer token")
	stay := flag.Duration("stay", time.Minute, "when to say goodbye")
	sayEvery := flag.Duration("say-every", 0, "how often to say something")
	size := flag.Int("say-size", 16, "how many characters to say then")
	maxTLS := flag.Int("max-tls", 13, "12 or 13")
	flag.Parse()

	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{}}
	if *maxTLS == 12 {
		dialer.TLSClientConfig.MaxVersion = tls.VersionTLS12
	}
	header := http.Header{}
	if *token != "" {
		header.Set("Authorization", "Bearer "+*token)
	}
	conn, answer, err := dialer.Dial(*url, header)
	if err != nil {
		if answer != nil {
			err = fmt.Errorf("%w (HTTP %d)", err, answer.StatusCode)
		}
		fmt.Printf("closed: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("open")
	if *sayEvery > 0 {
		go chatter(conn, *sayEvery, *size)
	}
	time.AfterFunc(*stay, func() {
		conn.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"),
			time.Now().Add(time.Second))
	})
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			fmt.Printf("closed: %v\n", err)
			conn.Close()
			return
		}
	}
}

func chatter(conn *websocket.Conn, period time.Duration, size int) {
	text := make([]byte, size)
	for i := range text {
		text[i] = 'x'
	}
	message := fmt.Sprintf(`{"type":"say","text":%q}`, text)
	for range time.Tick(period) {
		if conn.WriteMessage(websocket.TextMessage, []byte(message)) != nil {
			return
		}
	}
}
