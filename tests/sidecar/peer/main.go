// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command peer is both ends of the sidecar test's chat: a backend that echoes,
// and a client that talks until the connection dies and says how it saw it die.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// The syscall package lacks TCP_USER_TIMEOUT; the value is the kernel's ABI.
const tcpUserTimeout = 18

const (
	talkInterval = 200 * time.Millisecond
	eatChunkMiB  = 4
)

func main() {
	ignoreTerm := flag.Bool("ignore-term", false, "serve: let SIGTERM pass unnoticed")
	userTimeout := flag.Duration("user-timeout", 0, "dial: TCP_USER_TIMEOUT of the connection")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: peer [options] serve ADDR | talk URL | eat URL | bye URL")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if *ignoreTerm {
		signal.Ignore(syscall.SIGTERM)
	}
	if err := run(flag.Arg(0), flag.Arg(1), *userTimeout); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(mode, target string, userTimeout time.Duration) error {
	switch mode {
	case "serve":
		return serve(target)
	case "talk", "eat", "bye":
		conn, err := dial(target, userTimeout)
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Println("open")
		return converse(conn, mode)
	}
	return fmt.Errorf("unknown mode %q", mode)
}

// serve says when a connection will be accepted.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("serving")
	return http.Serve(listener, http.HandlerFunc(echo))
}

func echo(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if string(data) == "eat" {
			eat()
		}
		if conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

// eat takes memory until the container's limit has the kernel kill us. Every
// page is written, since untouched ones are not charged.
func eat() {
	var held [][]byte
	for {
		held = append(held, bytes.Repeat([]byte{1}, eatChunkMiB<<20))
	}
}

func dial(url string, userTimeout time.Duration) (*websocket.Conn, error) {
	dialer := websocket.Dialer{
		HandshakeTimeout: 5 * time.Second,
		NetDial: (&net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			return setUserTimeout(raw, userTimeout)
		}}).Dial,
	}
	conn, _, err := dialer.Dial(url, nil)
	return conn, err
}

func setUserTimeout(raw syscall.RawConn, timeout time.Duration) error {
	if timeout == 0 {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout,
			int(timeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}

// converse holds the conversation and prints "closed CODE", what a browser's
// CloseEvent.code would be: the code received, or 1006 when there was none.
func converse(conn *websocket.Conn, mode string) error {
	done := make(chan error, 1)
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				done <- err
				return
			}
		}
	}()
	message := "hello"
	if mode == "eat" {
		message = "eat"
	}
	ticker := time.NewTicker(talkInterval)
	defer ticker.Stop()
	for sent := 0; ; sent++ {
		if mode == "bye" && sent == 3 {
			if err := sayGoodbye(conn); err != nil {
				return err
			}
		} else if mode == "talk" || sent == 0 || mode == "bye" && sent < 3 {
			// A failed write is the reader's to report: it has the errno.
			_ = conn.WriteMessage(websocket.TextMessage, []byte(message))
		}
		select {
		case err := <-done:
			fmt.Println("closed", closeCode(err), err)
			return nil
		case <-ticker.C:
		}
	}
}

func sayGoodbye(conn *websocket.Conn) error {
	frame := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
	return conn.WriteControl(websocket.CloseMessage, frame, time.Now().Add(time.Second))
}

func closeCode(err error) int {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return closed.Code
	}
	return websocket.CloseAbnormalClosure
}
