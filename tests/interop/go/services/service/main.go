// A service as the "idtoken" example of coreos/go-oidc shows it: state and nonce in cookies.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type session struct {
	token   *oauth2.Token
	idToken string
	name    string
}

func main() {
	ctx := context.Background()
	url := os.Args[1]

	// HERE IS WHAT WAS PRINTED

	var signedIn *session // the test has one visitor

	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		state, nonce, pkce := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
		setCallbackCookie(w, "state", state)
		setCallbackCookie(w, "nonce", nonce)
		setCallbackCookie(w, "pkce", pkce)
		away := config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(pkce))
		http.Redirect(w, r, away, http.StatusFound)
	})

	http.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		state, err := r.Cookie("state")
		if err != nil || r.URL.Query().Get("state") != state.Value {
			http.Error(w, "state did not match", http.StatusBadRequest)
			return
		}
		pkce, err := r.Cookie("pkce")
		if err != nil {
			http.Error(w, "no verifier", http.StatusBadRequest)
			return
		}
		code := r.URL.Query().Get("code")
		token, err := config.Exchange(ctx, code, oauth2.VerifierOption(pkce.Value))
		if err != nil {
			http.Error(w, "Failed to exchange token: "+err.Error(), http.StatusInternalServerError)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := verifier.Verify(ctx, raw)
		if err != nil {
			http.Error(w, "Failed to verify ID Token: "+err.Error(), http.StatusInternalServerError)
			return
		}
		nonce, err := r.Cookie("nonce")
		if err != nil || idToken.Nonce != nonce.Value {
			http.Error(w, "nonce did not match", http.StatusBadRequest)
			return
		}
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			http.Error(w, "Failed to get userinfo: "+err.Error(), http.StatusInternalServerError)
			return
		}
		var claims struct{ Name string }
		if err := info.Claims(&claims); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		signedIn = &session{token, raw, claims.Name}
		http.Redirect(w, r, "/", http.StatusFound)
	})

	http.HandleFunc("/refresh", func(w http.ResponseWriter, r *http.Request) {
		old := *signedIn.token
		old.Expiry = time.Now().Add(-time.Hour)
		fresh, err := config.TokenSource(ctx, &old).Token()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if fresh.AccessToken != old.AccessToken {
			fmt.Fprintln(w, "refreshed")
		}
	})

	http.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		var known struct {
			EndSession string `json:"end_session_endpoint"`
		}
		if err := provider.Claims(&known); err != nil {
			log.Fatal(err)
		}
		leave := neturl.Values{
			"id_token_hint":            {signedIn.idToken},
			"post_logout_redirect_uri": {url + "/"},
		}
		signedIn = nil
		http.Redirect(w, r, known.EndSession+"?"+leave.Encode(), http.StatusFound)
	})

	http.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if signedIn == nil {
			fmt.Fprintln(w, "Nobody is signed in")
			return
		}
		fmt.Fprintln(w, "Hello", signedIn.name)
	})

	log.Fatal(http.ListenAndServe(strings.TrimPrefix(url, "http://"), nil))
}

func setCallbackCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, MaxAge: 3600, HttpOnly: true})
}
