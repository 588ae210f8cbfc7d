/* Marks a function that Python calls; all others are hidden. */
#ifndef NNKIT_EXPORT_H
#define NNKIT_EXPORT_H

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#endif
