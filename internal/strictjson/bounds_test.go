package strictjson

// Bounds of TestLM2_Unmarshal: MaxDepth.
