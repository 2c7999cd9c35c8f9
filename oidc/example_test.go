package oidc_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/hallmarksign/hallmark/oidc"
)

// A token prints as a name; the secret is in none of its texts.
func ExampleStatic() {
	part := base64.RawURLEncoding.EncodeToString
	given := part([]byte(`{"alg":"ES256"}`)) + "." +
		part([]byte(`{"iss":"https://accounts.example.com","sub":"1","aud":"sigstore","exp":1785600000,"email":"alice@example.com","email_verified":true}`)) + "." +
		part([]byte("signature"))
	clock := func() time.Time { return time.Unix(1785599900, 0) }

	token, err := oidc.FirstOf(oidc.Static(given, clock)).Token(context.Background(), "sigstore")
	fmt.Println(token, err)
	san, known := token.ExpectedSAN()
	fmt.Println(san, known)
	// Output:
	// alice@example.com (https://accounts.example.com) <nil>
	// alice@example.com true
}
