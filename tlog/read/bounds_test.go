package read

// Bounds of TestHeadsOfFirstLogThatLies: maxShards.
