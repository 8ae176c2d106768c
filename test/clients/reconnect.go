// Go's net/http: COUNT connections to localhost:PORT, one request each, with a session cache; prints the server of each answer.

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	port, version, certificate := os.Args[1], os.Args[3], os.Args[4]
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	pem, err := os.ReadFile(certificate)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	wanted := map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[version]
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{
			RootCAs:            roots,
			MinVersion:         wanted,
			MaxVersion:         wanted,
			ClientSessionCache: tls.NewLRUClientSessionCache(4),
		},
	}}
	for visit := 0; visit < count; visit++ {
		answer, err := client.Get(fmt.Sprintf("https://localhost:%s/visit/%d", port, visit))
		check(err)
		_, err = io.Copy(io.Discard, answer.Body)
		check(err)
		answer.Body.Close()
		fmt.Println(answer.Header.Get("X-Demo-Server"))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
