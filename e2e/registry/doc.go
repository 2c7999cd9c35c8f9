// Package registry holds the tests of images: hallmark, sigstore-go and, where
// it is installed, cosign, on the same real registries and the same sandbox.
//
// HALLMARK_COSIGN names a cosign program, HALLMARK_DOCKER_REGISTRY one of
// Debian's docker-registry, which is otherwise looked for in PATH.
// HALLMARK_RUNS is how often publishers compete.
package registry
