// Receives stormlet's webhooks (Standard Webhooks, v1) with nothing but Go's standard library.
//
//	WEBHOOK_SECRET=whsec_… go run receive.go 8080
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance = 300 * time.Second // that a request may be old, or ahead of this clock
	largest   = 1 << 20
)

type message struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// receiver remembers the ids that it handled; in a program that is restarted, keep them in its database.
type receiver struct {
	key  []byte
	lock sync.Mutex
	seen map[string]time.Time
}

// genuine tells whether a request comes from someone who knows the secret, and is not an old recording.
func (r *receiver) genuine(header http.Header, body []byte, now time.Time) bool {
	stamp := header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return false
	}
	mac := hmac.New(sha256.New, r.key)
	// The bytes received, before anything is parsed.
	fmt.Fprintf(mac, "%s.%s.", header.Get("webhook-id"), stamp)
	mac.Write(body)
	wanted := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	// While a secret is rotated there are several signatures; any right one is enough.
	for _, each := range strings.Split(header.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(each), wanted) {
			return true
		}
	}
	return false
}

// handle does something with a message. What takes longer than a few seconds belongs into a queue.
func handle(m message) {
	fmt.Println(m.Type, string(m.Data))
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, largest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil || !r.genuine(request.Header, body, time.Now()) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	// Delivery is at least once: the same id may come again.
	if _, known := r.seen[request.Header.Get("webhook-id")]; !known {
		var m message
		if json.Unmarshal(body, &m) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handle(m)
		r.seen[request.Header.Get("webhook-id")] = time.Now()
	}
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(key) == 0 || len(os.Args) != 2 {
		log.Fatal("usage: WEBHOOK_SECRET=whsec_… receive PORT")
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], &receiver{key: key, seen: map[string]time.Time{}}))
}
