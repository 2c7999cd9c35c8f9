package main

// overlaid tells whether the checks of this build can be removed.
const overlaid = false

func remove(int) []int { return nil }
