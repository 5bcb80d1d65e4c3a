// A program on somebody's own computer, with golang.org/x/oauth2 — RFC 8252: PKCE alone proves it,
// and its listener takes any free port of 127.0.0.1. It prints where the browser has to go.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

func main() {
	ctx := context.Background()
	var known struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		UserInfo      string `json:"userinfo_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
	var printed struct {
		Issuer   string
		ClientID string `json:"client_id"`
		Redirect string `json:"redirect_uri"`
		Scope    string
	}
	file, err := os.ReadFile("civitas.json")
	must(err)
	must(json.Unmarshal(file, &printed))
	get(http.DefaultClient, printed.Issuer+"/.well-known/openid-configuration", &known)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(err)
	redirect := strings.Replace(printed.Redirect, "PORT", port, 1)
	config := oauth2.Config{
		ClientID:    printed.ClientID,
		Endpoint:    oauth2.Endpoint{AuthURL: known.Authorization, TokenURL: known.Token},
		RedirectURL: redirect,
		Scopes:      strings.Fields(printed.Scope),
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	fmt.Println(config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))

	code := make(chan string)
	signedOut := make(chan bool)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "You can close this window.")
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		if found := r.URL.Query().Get("code"); found != "" && r.URL.Query().Get("state") == state {
			code <- found
		} else {
			signedOut <- true
		}
	}))
	token, err := config.Exchange(ctx, <-code, oauth2.VerifierOption(verifier))
	must(err)
	var person struct{ Name string }
	get(config.Client(ctx, token), known.UserInfo, &person)
	fmt.Println("Hello", person.Name)

	old := *token
	old.Expiry = time.Now().Add(-time.Hour)
	fresh, err := config.TokenSource(ctx, &old).Token()
	must(err)
	if fresh.AccessToken != token.AccessToken {
		fmt.Println("refreshed")
	}
	idToken, _ := token.Extra("id_token").(string)
	leave := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {redirect}}
	fmt.Println(known.EndSession + "?" + leave.Encode())
	<-signedOut
}

func get(client *http.Client, url string, into any) {
	answer, err := client.Get(url)
	must(err)
	defer answer.Body.Close()
	must(json.NewDecoder(answer.Body).Decode(into))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
