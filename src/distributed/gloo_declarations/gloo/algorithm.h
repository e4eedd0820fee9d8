#pragma once
// LibTorch's wheel lacks the headers of Gloo that its ProcessGroupGloo.hpp
// includes. These five declare what it names; all of it is behind pointers.
