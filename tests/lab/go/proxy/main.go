// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A reverse proxy as Go's standard library gives it: -listen ADDRESS -to URL.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	listen := flag.String("listen", "", "address and port")
	to := flag.String("to", "", "URL of the backend")
	flag.Parse()
	target, err := url.Parse(*to)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(*listen, httputil.NewSingleHostReverseProxy(target)))
}
